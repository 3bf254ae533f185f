"""Certificates for tests, made by openssl: an authority of our own, one between, servers' in several states."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.real.programs import need


class Authority:
    """A certificate authority that nobody knows."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.file = folder, folder / "ca.crt"
        self._ssl("req", "-x509", *_KEY, "-keyout", "ca.key", "-out", "ca.crt", "-days", "30", "-subj", "/CN=Haus-CA")
        self._issue("between", "ca", "subject", ["basicConstraints=critical,CA:TRUE"])

    def server(self, *names: str, begins: int = -1, ends: int = 20, between: bool = False, whole: bool = True) -> str:
        """nginx's lines for a certificate of these names, valid from and to so many days from now; `between`: issued by
        an intermediate authority, whose certificate comes along where it is `whole`."""
        name = f"server{len(list(self.folder.glob('server*.crt')))}"
        alternatives = ",".join(f"IP:{n}" if n.replace(".", "").isdecimal() else f"DNS:{n}" for n in names)
        self._issue(name, "between" if between else "ca", names[0], [f"subjectAltName={alternatives}"], begins, ends)
        if between and whole:
            with (self.folder / f"{name}.crt").open("a") as chain:
                chain.write((self.folder / "between.crt").read_text())
        return f"ssl_certificate {self.folder}/{name}.crt; ssl_certificate_key {self.folder}/{name}.key;"

    def _issue(self, name: str, by: str, common: str, extensions: list[str], begins: int = -1, ends: int = 20) -> None:
        (self.folder / "ca.cnf").write_text(
            "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\n"
            "unique_subject=no\n[p]\ncommonName=supplied\n[x]\n" + "\n".join(extensions) + "\n"
        )
        (self.folder / "index.txt").touch()
        (self.folder / "serial").exists() or (self.folder / "serial").write_text("1000\n")
        self._ssl("req", *_KEY, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={common}")
        first, last = (f"{datetime.now(UTC) + timedelta(days=d):%Y%m%d%H%M%SZ}" for d in (begins, ends))
        self._ssl("ca", "-batch", "-notext", "-config", "ca.cnf", "-extensions", "x", "-cert", f"{by}.crt", "-keyfile",
                  f"{by}.key", "-in", f"{name}.csr", "-out", f"{name}.crt", "-startdate", first, "-enddate", last)  # fmt: skip

    def _ssl(self, *words: str) -> None:
        subprocess.run([need("openssl"), *words], cwd=self.folder, check=True, capture_output=True, timeout=30)


_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
