"""Many targets at once, within bounds; on this machine's threads or on a Dask cluster: the same code runs both.

A target waits for each host that it asks and for the whole. Targets that share an address go one after the other, so
that no registry gets two logins of ours at once: a refused password sent in parallel locks accounts.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass

from runbook.collect.request import UsageError
from runbook.fleet.inventory import Target
from runbook.fleet.one import Judged, judge
from runbook.urls import urlsplit

Choose = Callable[[Target], Executor]
Record = Callable[[Target, Judged], None]
Work = Callable[[Target], Judged]


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many targets may be asked at once."""

    over_all: int = 32
    per_host: int = 8


def work_through(targets: Iterable[Target], choose: Choose, bounds: Bounds, record: Record, work: Work = judge) -> None:
    """Judge all targets; each result is recorded as it comes, in this thread."""
    asyncio.run(_work(chains(targets), choose, bounds, record, work))


async def _work(lines: list[list[Target]], choose: Choose, bounds: Bounds, record: Record, work: Work) -> None:
    loop = asyncio.get_running_loop()
    over_all = asyncio.Semaphore(bounds.over_all)
    hosts: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(bounds.per_host))

    async def follow(line: list[Target]) -> None:
        for target in line:
            # Always in the same order, and the whole last: nobody holds what another waits for in a circle.
            async with _all_of([*(hosts[h] for h in hosts_of(target)), over_all]):
                judged = await loop.run_in_executor(choose(target), work, target)
            record(target, judged)

    async with asyncio.TaskGroup() as group:
        for line in lines:
            group.create_task(follow(line))


@asynccontextmanager
async def _all_of(semaphores: list[asyncio.Semaphore]) -> AsyncIterator[None]:
    async with AsyncExitStack() as held:
        for semaphore in semaphores:
            await held.enter_async_context(semaphore)
        yield


def addresses_of(target: Target) -> list[str]:
    """host:port of what the target asks."""
    parts = [urlsplit(url) for url in (target.registry, target.ui) if url]
    ports = {"http": 80, "https": 443}
    return sorted({f"{p.hostname}:{p.port or ports.get(p.scheme)}" for p in parts})


def hosts_of(target: Target) -> list[str]:
    """The machines that the target asks."""
    return sorted({address.rpartition(":")[0] for address in addresses_of(target)})


def chains(targets: Iterable[Target]) -> list[list[Target]]:
    """The targets in groups that share an address, directly or through others; each in the order of the inventory."""
    leader: dict[str, str] = {}

    def find(address: str) -> str:
        while leader.setdefault(address, address) != address:
            leader[address] = leader[leader[address]]
            address = leader[address]
        return address

    known = [(target, addresses_of(target)) for target in targets]
    for _, addresses in known:
        for address in addresses[1:]:
            leader[find(address)] = find(addresses[0])
    groups: dict[str, list[Target]] = {}
    for target, addresses in known:
        groups.setdefault(find(addresses[0]) if addresses else f"no address: {target.name}", []).append(target)
    return list(groups.values())


@contextmanager
def local(bounds: Bounds, processes: int = 1) -> Iterator[Choose]:
    """Threads of this process, since the work is waiting for answers; of several where there is much of it."""
    if processes > 1:
        from runbook.fleet.processes import several

        with several(processes, bounds.over_all) as lanes:
            yield lambda _: lanes
        return
    pool = ThreadPoolExecutor(bounds.over_all, thread_name_prefix="fleet")
    try:
        yield lambda _: pool
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def distributed(scheduler: str) -> Iterator[Choose]:
    """The workers of a Dask scheduler; a target with a site goes to a worker that has a resource of that name.

    A target's credentials travel as their reference. Dask itself repeats what a lost worker had.
    """
    try:
        from distributed import Client
    except ImportError:
        raise UsageError("--scheduler needs Dask: pip install 'registry-runbook[fleet]'.") from None
    try:
        client = Client(scheduler, set_as_default=False, timeout=15)
    except (OSError, ValueError) as error:
        raise UsageError(f"No Dask scheduler answers at that address ({type(error).__name__}).") from None
    pools: dict[str, Executor] = {}

    def choose(target: Target) -> Executor:
        if target.site not in pools:
            wanted = {"resources": {target.site: 1}} if target.site else {}
            pools[target.site] = client.get_executor(pure=False, retries=2, **wanted)
        return pools[target.site]

    with client:
        yield choose
