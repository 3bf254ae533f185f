"""Places in what clusters, other pullers and pipelines write, and in texts that hold other texts."""

from collections.abc import Iterator

from tests.canary.place import ANY, Place

SOME = ("word", "mixed", "dash")

DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: registry
  namespace: hub
{meta}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: registry}}}}
  template:
    metadata: {{labels: {{app: registry}}}}
    spec:
{pod}
      containers:
        - name: registry
          image: registry:2
{container}
          env:
            - name: REGISTRY_AUTH
              value: htpasswd
{env}
          ports: [{{containerPort: 5000}}]
---
{more}
"""


def deployment(**parts: str) -> str:
    """A manifest with lines put in."""
    return DEPLOYMENT.format(**{name: parts.get(name, "#") for name in ("meta", "pod", "container", "env", "more")})


def _kubernetes() -> Iterator[Place]:
    for name in (
        "REGISTRY_HTTP_SECRET",
        "REGISTRY_PASSWORD",
        "FOO",
        "REGISTRY_STORAGE_S3_SECRETKEY",
        "TOKEN",
        "DB_DSN",
        "SOME_URL",
    ):
        for value in ("§", "'§'", "postgres://a:§@db/x", "https://x.example/?k=§", "anna:§"):
            yield Place(
                "k8s/registry.yaml", deployment(env=f"            - name: {name}\n              value: {value}"), SOME
            )
    for container in (
        "          args: [--password, §]", "          args: ['--token=§']", "          command: [sh, -c, 'curl -u anna:§ http://x']", "          livenessProbe: {httpGet: {path: /, port: 5000, httpHeaders: [{name: Authorization, value: 'Basic §b'}]}}",
        "          lifecycle: {postStart: {exec: {command: [login, §]}}}", "          # §", "          envFrom: [{prefix: §}]",
    ):  # fmt: skip
        yield Place("k8s/registry.yaml", deployment(container=container), SOME)
    for meta in (
        "  annotations: {note: §}",
        '  annotations:\n    kubectl.kubernetes.io/last-applied-configuration: |\n      {"data":{"p":"§"}}',
        "  annotations: {checksum/config: §}",
        "  # §",
    ):
        yield Place("k8s/registry.yaml", deployment(meta=meta), SOME)
    for more in (
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {password: §}", "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {password: §6}", "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData:\n  config.yml: |\n    http: {secret: §}",
        "apiVersion: v1\nkind: Secret\ntype: kubernetes.io/dockerconfigjson\nmetadata: {name: s}\nstringData: {.dockerconfigjson: '{\"auths\":{\"r\":{\"auth\":\"§b\"}}}'}", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {note: §, x.conf: 'set $p §;'}",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  config.yml: |\n    version: 0.1\n    http:\n      secret: §\n", "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {auth: 'anna:§'}", "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {HTPASSWD: 'anna:{SHA}§6'}",
        "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: i\n  annotations:\n    nginx.ingress.kubernetes.io/configuration-snippet: |\n      proxy_set_header Authorization \"Basic §b\";\n    nginx.ingress.kubernetes.io/auth-realm: pw §\nspec: {rules: []}",
        "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: i\n  annotations: {nginx.ingress.kubernetes.io/auth-url: 'http://a:§@x/?k=§'}\nspec: {rules: []}", "apiVersion: traefik.io/v1alpha1\nkind: Middleware\nmetadata: {name: m}\nspec: {headers: {customRequestHeaders: {Authorization: 'Basic §b', X-Api-Key: §}}}",
        "apiVersion: v1\nkind: Event\nmetadata: {name: e}\nreason: Failed\nmessage: 'Failed to pull image: unauthorized: password §'\ninvolvedObject: {kind: Pod, name: p}", "kind: Unknown\nspec: {x: §}",
    ):  # fmt: skip
        yield Place("k8s/registry.yaml", deployment(more=more), SOME)
    for values in (
        "image: {repository: registry, tag: '2'}\nsecrets: {htpasswd: 'anna:§', haSharedSecret: §}", "secrets: {s3: {accessKey: §, secretKey: §}}", "configData: {http: {secret: §}}", "extraEnvVars: [{name: X, value: §}]", "proxy: {enabled: true, username: a, password: §}",
        "ingress: {annotations: {note: §}}", "# §\nreplicaCount: 1", "global: {token: §}", "auth: {password: §}", "note: §",
    ):  # fmt: skip
        yield Place(
            "values.yaml", f"persistence: {{enabled: true}}\nservice: {{port: 5000}}\nreplicaCount: 1\n{values}\n", SOME
        )


def _pullers() -> Iterator[Place]:
    yield from (
        Place("registries.yaml", "mirrors:\n  hub.example:\n    endpoint: ['https://hub.example']\nconfigs:\n  hub.example:\n    auth:\n      username: anna\n      password: §\n", ANY),
        Place("registries.yaml", "configs:\n  hub.example:\n    auth: {auth: §b}\n", ANY),
        Place("registries.yaml", "configs:\n  hub.example:\n    auth: {token: §}\n    tls: {x: §}\n", SOME),
        Place("registries.yaml", "mirrors:\n  hub.example:\n    endpoint: ['https://anna:§q@hub.example/?k=§q']\n", SOME),
        Place("hosts.toml", 'server = "https://hub.example"\n[host."https://hub.example"]\n  capabilities = ["pull"]\n  [host."https://hub.example".header]\n    Authorization = "Basic §b"\n', SOME),
        Place("hosts.toml", 'server = "https://anna:§q@hub.example"\n# §\n[host."https://hub.example"]\n  x = "§"\n', SOME),
        Place("config.toml", 'version = 2\n[plugins."io.containerd.grpc.v1.cri".registry.configs."hub.example".auth]\n  username = "anna"\n  password = "§"\n', SOME),
        Place("config.toml", 'version = 2\n[plugins."io.containerd.grpc.v1.cri".registry.configs."hub.example".auth]\n  auth = "§b"\n  identitytoken = "§"\n', SOME),
        Place("registries.conf", 'unqualified-search-registries = ["docker.io"]\n[[registry]]\nlocation = "hub.example"\n# §\n[[registry.mirror]]\nlocation = "anna:§q@m.example"\n', SOME),
        Place("buildkitd.toml", '[registry."hub.example"]\n  http = true\n  x = "§"\n# §\n', SOME),
        Place("auth.json", '{"auths": {"hub.example": {"auth": "§b"}, "x": {"password": "§j"}}}', ANY),
        Place("registry.container", "[Container]\nImage=docker.io/library/registry:2\nEnvironment=REGISTRY_HTTP_SECRET=§ FOO=§\nPublishPort=5000:5000\n", SOME),
        Place("registry.container", '[Container]\nImage=registry:2\nEnvironment="REGISTRY_PASSWORD=§"\nExec=--password §\nLabel=note=§\n', SOME),
        Place("registry.container", "[Container]\nImage=registry:2\nPodmanArgs=--creds anna:§\n# §\n[Service]\nEnvironment=X=§\n", SOME),
        Place("registry.container", "[Container]\nImage=registry:2\nHealthCmd=curl -u anna:§ http://localhost\nAnnotation=k=§\nEnvironmentFile=./x\n", SOME),
    )  # fmt: skip


def _pipelines() -> Iterator[Place]:
    for variables in (
        "CI_REGISTRY_PASSWORD: §",
        "FOO: §",
        'DOCKER_AUTH_CONFIG: \'{"auths":{"r":{"auth":"§b"}}}\'',
        "URL: https://anna:§q@x",
        "X: {value: §, description: §}",
    ):
        yield Place(
            ".gitlab-ci.yml",
            f"variables:\n  {variables}\nbuild:\n  image: docker:24\n  script:\n    - docker login -u a -p $P hub.example\n",
            SOME,
        )
    for line in (
        "docker login -u anna -p § hub.example", "echo § | docker login -u anna --password-stdin hub.example", "export TOKEN=§", "curl -H 'PRIVATE-TOKEN: §' https://x", "curl -u anna:§ https://x", "# §", "helm registry login -u a --password § x", "wget --password=§ x",
        "docker login -u \"anna\" -p \"§\" $CI_REGISTRY", "skopeo copy --dest-creds anna:§ a b", "echo '{\"auths\":{\"r\":{\"auth\":\"§b\"}}}' > ~/.docker/config.json", "sed -i s/x/§/ file", "podman login --password § x", "§",
    ):  # fmt: skip
        yield Place(
            ".gitlab-ci.yml",
            f"build:\n  image: docker:24\n  script:\n    - '{line.replace(chr(39), chr(39) * 2)}'\n    - docker push hub.example/a\n",
            SOME,
        )
        yield Place(
            ".github/workflows/ci.yml",
            f"on: push\njobs:\n  b:\n    runs-on: ubuntu-latest\n    steps:\n      - run: |\n          {line}\n          docker push hub.example/a\n",
            SOME,
        )
        yield Place(
            "job.log",
            f'$ {line}\nError response from daemon: Get "https://hub.example/v2/": unauthorized: authentication required\nERROR: Job failed: exit code 1\n',
            SOME,
        )
    for step in (
        "env: {TOKEN: §}",
        "with: {registry: hub.example, username: anna, password: §}",
        "with: {password: '${{ secrets.X }}', x: §}",
    ):
        yield Place(
            ".github/workflows/ci.yml",
            f"on: push\njobs:\n  b:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: docker/login-action@v3\n        {step}\n",
            SOME,
        )


def _texts() -> Iterator[Place]:
    """Mail, pages, tickets, tables: what is in them is read by what it is."""
    inner = (
        "$ curl -v -u anna:§ http://localhost:5000/v2/\n< HTTP/1.1 401 Unauthorized\n", "services:\n  registry:\n    image: registry:2\n    environment:\n      REGISTRY_HTTP_SECRET: §\n      FOO: §\n", "REGISTRY_PASSWORD=§\nTAG=2\n",
        "server {\n  listen 80;\n  location /v2/ { proxy_pass http://registry:5000/; proxy_set_header Authorization \"Basic §b\"; }\n  # §\n}\n", "unauthorized: authentication required, password §\n", "level=error msg=\"authentication failure\" password=§\n",
        "> Authorization: Basic §b\n< HTTP/1.1 401 Unauthorized\n", "docker login -u anna -p § localhost:5000\nError response from daemon: unauthorized: authentication required\n",
    )  # fmt: skip
    for text in inner:
        yield Place(
            "mail.eml",
            f"From: a@b.example\nTo: c@d.example\nSubject: 401 and §\nDate: Mon, 23 Nov 2026 10:00:00 +0000\n\nHello,\n{text}\npassword is §\n",
            SOME,
        )
        yield Place(
            "page.html",
            f"<html><body><p>the password is §</p><pre>{text.replace('<', '&lt;')}</pre></body></html>",
            SOME,
        )
        yield Place("issue.md", f"# 401\nThe password is §.\n\ndocker-compose.yml:\n```\n{text}```\n", SOME)
        yield Place("chat.txt", f"[10:01] anna: it says\n{text}[10:02] bert: pw is §, try\n", SOME)
        yield Place(
            "change.diff",
            "--- a/docker-compose.yml\n+++ b/docker-compose.yml\n@@ -1,9 +1,9 @@\n"
            + "".join(f" {line}\n" for line in text.rstrip().split("\n"))
            + "-§\n+§\n",
            SOME,
        )
        yield Place(
            "log.csv",
            "time,message\n"
            + "".join(
                f'2026-11-23T10:00:00Z,"{line.replace(chr(34), chr(34) * 2)}"\n' for line in text.rstrip().split("\n")
            ),
            SOME,
        )
    for text in (
        "$ wget --user=anna --password=§ http://localhost:5000/v2/\nHTTP request sent, awaiting response... 401 Unauthorized\n", "$ http -v -a anna:§ http://localhost:5000/v2/\nGET /v2/ HTTP/1.1\nAuthorization: Basic §b\nHost: localhost:5000\n\nHTTP/1.1 401 Unauthorized\n\n",
        ">>> requests.get('http://localhost:5000/v2/', auth=('anna', '§'))\n<Response [401]>\n", "PS C:\\> Invoke-WebRequest -Uri http://localhost:5000/v2/ -Headers @{Authorization='Basic §b'}\nInvoke-WebRequest : The remote server returned an error: (401) Unauthorized.\n",
        "PS C:\\> $p = '§'\nPS C:\\> docker login localhost:5000 -u anna -p $p\nError: unauthorized: authentication required\n", "$ curl --trace-ascii - -u anna:§ http://localhost:5000/v2/\n=> Send header, 99 bytes (0x63)\n0000: GET /v2/ HTTP/1.1\n0013: Authorization: Basic §b\n<= Recv header, 26 bytes (0x1a)\n0000: HTTP/1.1 401 Unauthorized\n",
        "GET /v2/ HTTP/1.1\nHost: localhost:5000\nAuthorization: Bearer §\n\nHTTP/1.1 401 Unauthorized\nX-Token: §\n\n{\"token\":\"§j\"}\n", "fetch(\"http://localhost:5000/v2/\", {\"headers\": {\"authorization\": \"Basic §b\", \"x-api-key\": \"§j\"}});\n401 Unauthorized\n",
        "curl 'http://localhost:5000/v2/' -H 'authorization: Basic §b' -H 'cookie: s=§'\n", "$ env\nPATH=/bin\nREGISTRY_PASSWORD=§\nFOO=§\n$ docker pull localhost:5000/a\nError: unauthorized: authentication required\n", "$ kubectl get secret s -o yaml\ndata:\n  password: §6\n$ docker pull x\nunauthorized: authentication required\n",
        "$ docker inspect registry --format '{{.Config.Env}}'\n[PATH=/bin REGISTRY_HTTP_SECRET=§ FOO=§]\n", "$ docker compose config\nservices:\n  registry:\n    image: registry:2\n    environment:\n      REGISTRY_HTTP_SECRET: §\n      FOO: §\n", "$ history\n 1  docker login -u anna -p § localhost:5000\n 2  export X=§\nunauthorized: authentication required\n",
        "$ htpasswd -nb anna §\nanna:$apr1$abcdefgh$0123456789012345678901\n$ docker login localhost:5000\nunauthorized: authentication required\n", "$ cat ~/.docker/config.json\n{\"auths\": {\"localhost:5000\": {\"auth\": \"§b\"}}}\n", "$ cat ~/.netrc\nmachine localhost login anna password §\n$ curl -n http://localhost:5000/v2/\n401 Unauthorized\n",
        "$ git config -l\nurl.https://anna:§q@x/.insteadof=https://x/\nunauthorized: authentication required\n", "$ aws ecr get-login-password | docker login --username AWS --password-stdin x\neyJhbGciOiJIUzI1NiJ9.§\nError: unauthorized: authentication required\n",
    ):  # fmt: skip
        yield Place("session.txt", text, SOME)


def places() -> Iterator[Place]:
    """All of them."""
    for make in (_kubernetes, _pullers, _pipelines, _texts):
        yield from make()
