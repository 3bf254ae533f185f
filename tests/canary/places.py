"""Every place where a secret may stand: the kind of the file, its text with the place marked, the shapes that fit there.

`§` is the secret, `§b` the base64 pair of anna and the secret, `§6` the secret in base64, `§q` in percents, `§j` in JSON.
"""

from collections.abc import Iterator

from tests.canary import more_places
from tests.canary.place import ANY, Place

MORE = (*ANY, "plus", "semicolon", "slash", "at", "percent", "hex")


COMPOSE = """services:
  registry:
    image: registry:2
    ports: ["5000:5000"]
    environment:
      REGISTRY_AUTH: htpasswd
      REGISTRY_AUTH_HTPASSWD_PATH: /auth/htpasswd
      REGISTRY_AUTH_HTPASSWD_REALM: R
      REGISTRY_HTTP_ADDR: :5000
{registry}
    volumes: ["./auth:/auth", "data:/var/lib/registry"]
  ui:
    image: joxit/docker-registry-ui:2
    ports: ["8080:80"]
    environment:
{before}
      - NGINX_PROXY_PASS_URL=http://registry:5000
      - NGINX_PROXY_HEADER_Authorization=
{after}
      - SINGLE_REGISTRY=true
{service}
volumes: {{data: {{}}}}
{top}
"""

NAMES = """REGISTRY_PW ADMIN_PW REGISTRY_TOKEN CI_JOB_TOKEN DOCKERHUB_TOKEN REGISTRY_PASSWORD REGISTRY_PASS DB_PASSWD API_KEY
APIKEY ACCESS_KEY_ID SMTP_PASS LDAP_BIND_PW JWT SESSION_SECRET COOKIE_SALT ENCRYPTION_KEY PIN FOO APP_X MY_VALUE SEED
GITLAB_RUNNER_REGISTRATION_TOKEN AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AZURE_STORAGE_KEY SIGNING_KEY PRIVATE_KEY LICENSE
UNLOCK PASSPHRASE Kennwort Zugang""".split()
REGISTRY_NAMES = """REGISTRY_HTTP_SECRET REGISTRY_STORAGE_S3_ACCESSKEY REGISTRY_STORAGE_S3_SECRETKEY REGISTRY_STORAGE_S3_SESSIONTOKEN
REGISTRY_STORAGE_AZURE_ACCOUNTKEY REGISTRY_STORAGE_AZURE_CONNECTIONSTRING REGISTRY_STORAGE_OSS_ACCESSKEYSECRET
REGISTRY_STORAGE_SWIFT_PASSWORD REGISTRY_STORAGE_SWIFT_SECRETKEY REGISTRY_STORAGE_SWIFT_TEMPURLKEY REGISTRY_REDIS_PASSWORD
REGISTRY_REDIS_SENTINELPASSWORD REGISTRY_PROXY_PASSWORD REGISTRY_AUTH_HTPASSWD_PASSWORD REGISTRY_REPORTING_BUGSNAG_APIKEY
REGISTRY_REPORTING_NEWRELIC_LICENSEKEY REGISTRY_STORAGE_GCS_CREDENTIALS_PRIVATE_KEY REGISTRY_HTTP_HEADERS_X_API_KEY
REGISTRY_MIDDLEWARE_STORAGE_CLOUDFRONT_PRIVATEKEY REGISTRY_NOTIFICATIONS_ENDPOINTS_0_HEADERS_AUTHORIZATION
REGISTRY_STORAGE_REDIRECT_TOKEN REGISTRY_UNKNOWN_THING""".split()
LOGINS = "REGISTRY_LOGIN REGISTRY_CREDS BASIC_AUTH REGISTRY_AUTHS HTPASSWD_ENTRY UI_ACCOUNT CURL_USER".split()
UI_HEADERS = "X_Api_Key X_Auth_Token Cookie Proxy_Authorization X_Registry_Auth X_Custom PRIVATE_TOKEN".split()


def compose(**parts: str) -> str:
    """The compose file of these tests with lines put in."""
    return COMPOSE.format(
        **{name: parts.get(name, "      #") for name in ("registry", "before", "after", "service", "top")}
    )


def _compose() -> Iterator[Place]:
    for name in NAMES:
        yield Place("docker-compose.yml", compose(before=f"      - {name}=§"), MORE)
        yield Place(
            "docker-compose.yml", compose(after=f'      - "{name}=§"'), ("mixed", "slash", "blank", "hash", "hex")
        )
    for name in REGISTRY_NAMES:
        yield Place(
            "docker-compose.yml",
            compose(registry=f"      {name}: §"),
            ("word", "mixed", "base64", "slash", "semicolon"),
        )
        yield Place("docker-compose.yml", compose(registry=f"      {name}: '§'"), ("quote", "blank"))
        yield Place("docker-compose.yml", compose(registry=f'      {name}: "§"'), ("hash", "backslash", "double"))
    for name in LOGINS:
        yield Place("docker-compose.yml", compose(before=f"      - {name}=anna:§"), MORE)
    for name in UI_HEADERS:
        yield Place("docker-compose.yml", compose(after=f"      - NGINX_PROXY_HEADER_{name}=§"))
    for value in ("Basic §b", "basic §b", "Bearer §", "§", "Token §", "§b"):
        yield Place("docker-compose.yml", compose(after=f"      - NGINX_PROXY_HEADER_Authorization={value}"))
    for value in (
        "http://anna:§@proxy.example:3128", "postgres://u:§@db/r", "https://§@sentry.example/1", "redis://:§@redis:6379/0",
        "https://hooks.example/services/T00/B00/§", "https://x.example/?token=§", "amqp://a:§@mq", "https://x.example/a?sig=§&se=1",
    ):  # fmt: skip
        yield Place("docker-compose.yml", compose(before=f"      - HTTP_PROXY={value}"), ("word", "mixed"))
        yield Place("docker-compose.yml", compose(before=f"      - SOME_URL={value}"), ("word", "mixed"))
    for top in (
        "x-note: §", "x-note: {password: §}", "x-note:\n  - §", "x-note: |\n  a\n  §\n  b", "x-note: >-\n  a\n  §", "# §", "# the password is §",
        "# htpasswd -b -c /x anna §", "configs:\n  c:\n    content: |\n      secret=§", "x-note: 'it''s §'", 'x-note: "a\\\n  §"',
        "x-p: &p §\nx-q: *p", "x-note: {a: [b, §]}", "x-note: !!str §",
    ):  # fmt: skip
        yield Place("docker-compose.yml", compose(top=top), ("word", "mixed", "dash"))
    for service in (
        '    healthcheck: {test: ["CMD", "curl", "-fu", "anna:§", "http://localhost/v2/"]}',
        '    healthcheck: {test: "curl -f -H \'X-Auth: §\' http://localhost || exit 1"}',
        "    command: --basic-auth anna:§", "    command: serve --token=§ --port 80", '    command: ["--password", "§"]', "    command: mc alias set s3 http://s3:9000 KEY §",
        "    command: sh -c 'echo § | docker login --password-stdin'", "    entrypoint: [/x, --key, §]", "    labels: {com.example.token: §}", '    labels: ["note=§"]',
        '    labels: ["traefik.http.middlewares.h.headers.customrequestheaders.Authorization=Basic §b"]',
        '    labels: ["traefik.http.middlewares.h.headers.customrequestheaders.X-Api-Key=§"]',
        "    build: {args: {NPM_TOKEN: §}}", "    build: {context: ., args: [TOKEN=§]}", "    logging: {options: {splunk-token: §}}", "    sysctls: {a: §}",
        "    command: ${SECRET:?use §}", "    command: ${SECRET:-§}", "    image: ${IMAGE:-anna:§@x}", "    extra_hosts: [\"a:1.2.3.4\"] # §", "    environment_x: §",
        "    post_start: [{command: login §}]", "    x-deploy: {k: §}", "    annotations: {k: §}", "    command: >\n      --a\n      --password §", "    command: |\n      curl -u anna:§ http://x",
    ):  # fmt: skip
        yield Place("docker-compose.yml", compose(service=service), ("word", "mixed", "plus"))
    for value in ("${PW:-§}", "${PW-§}", "${PW:?§}", "${PW:+§}", "a§$REST", "§$$x", "${A}§"):
        yield Place("docker-compose.yml", compose(before=f"      - X_PASSWORD={value}"), ("word", "mixed"))
        yield Place("docker-compose.yml", compose(before=f"      - REGISTRY_TITLE={value}"), ("word",))
    for spelled in (
        "      REGISTRY_HTTP_SECRET: >-\n        §\n        more", "      REGISTRY_HTTP_SECRET: |\n        §", '      REGISTRY_HTTP_SECRET: "§\\\n        more"',
        "      REGISTRY_HTTP_SECRET: 'it''s §'", "      REGISTRY_HTTP_SECRET: §\n        continued", '      REGISTRY_HTTP_SECRET: "\\x41§\\u00e4"', "      REGISTRY_HTTP_SECRET: !!str §",
        "      ? REGISTRY_HTTP_SECRET\n      : §", "      REGISTRY_HTTP_SECRET: §   # §", "      REGISTRY_AUTH: htpasswd # §", "      REGISTRY_HTTP_SECRET:\n        §",
        '      "REGISTRY_HTTP_SECRET": "§"', "      <<: {X: §}",
    ):  # fmt: skip
        yield Place("docker-compose.yml", compose(registry=spelled), ("word", "mixed", "base64"))


def _dotenv() -> Iterator[Place]:
    for name in NAMES:
        yield Place(".env", f"TAG=2\n{name}=§\nUI_PORT=8080\n", MORE)
    for line in (
        "PASSWORD=two §", "PASSWORD='it § x'", 'PASSWORD="a\\"§"', "export PASSWORD=§", "PASSWORD = §", "PASSWORD=§ # §", "# PASSWORD=§", "PASSWORD=x$§", "PASSWORD='a\n§\nb'",
        "PASSWORD: §", "§", "#§", "PASSWORD=\"$X§\"", "LINE=anna:§", "URL=https://anna:§@x", "URL=https://x/?a=§", "PASSWORD=§\\\nmore",
    ):  # fmt: skip
        yield Place(".env", f"TAG=2\n{line}\nUI_PORT=8080\n", ("word", "mixed", "dash", "plus"))


CONFIG = """version: 0.1
log:
  level: info
storage:
  filesystem:
    rootdirectory: /var/lib/registry
{storage}
http:
  addr: :5000
{http}
auth:
  htpasswd:
    realm: R
    path: /etc/docker/registry/htpasswd
{top}
"""


def config(**parts: str) -> str:
    """The registry's configuration of these tests with lines put in."""
    return CONFIG.format(**{name: parts.get(name, "#") for name in ("storage", "http", "top")})


def _config() -> Iterator[Place]:
    drivers = {
        "s3": "accesskey secretkey sessiontoken encryptkey keyid", "azure": "accountkey connectionstring", "oss": "accesskeyid accesskeysecret",
        "swift": "password secretkey accesskey tempurlmethods", "gcs": "keyfilecontent private_key", "cos": "secretid secretkey", "unknown": "anything",
    }  # fmt: skip
    for driver, keys in drivers.items():
        for key in keys.split():
            yield Place(
                "config.yml", config(storage=f"  {driver}:\n    {key}: §"), ("word", "mixed", "base64", "slash")
            )
    yield Place("config.yml", config(storage="  gcs:\n    credentials:\n      private_key: §\n      client_email: a@b"))
    yield Place(
        "config.yml",
        config(
            storage="  gcs:\n    credentials:\n      private_key: |\n        -----BEGIN PRIVATE KEY-----\n        §\n        -----END PRIVATE KEY-----"
        ),
    )
    yield Place("config.yml", config(storage="  azure:\n    credentials:\n      type: client_secret\n      secret: §"))
    for http in ("  secret: §", "  secret: '§'", "  secret: >-\n    §", "  headers:\n    X-Api-Key: [§]", "  headers:\n    Authorization: [Basic §b]", "  headers: {X-Secret: ['§']}",
                 "  note: §", "  secret: /§", "  # §", "  debug:\n    password: §"):  # fmt: skip
        yield Place("config.yml", config(http=http), ("word", "mixed", "base64"))
    for top in (
        "redis:\n  addr: redis:6379\n  password: §", "redis:\n  sentinelpassword: §", "redis:\n  addr: redis://:§@redis:6379", "proxy:\n  remoteurl: https://registry-1.docker.io\n  username: anna\n  password: §",
        "proxy:\n  remoteurl: https://anna:§@registry-1.docker.io", "notifications:\n  endpoints:\n    - name: a\n      url: https://x.example/?token=§",
        "notifications:\n  endpoints:\n    - name: a\n      url: https://x.example/in/§", "notifications:\n  endpoints:\n    - name: a\n      url: https://x.example/\n      headers:\n        Authorization: [Bearer §]",
        "notifications:\n  endpoints:\n    - name: a\n      url: https://x.example/\n      headers:\n        X-Api-Key: [§]", "reporting:\n  bugsnag:\n    apikey: §", "reporting:\n  newrelic:\n    licensekey: §",
        "middleware:\n  storage:\n    - name: cloudfront\n      options:\n        privatekey: §\n        keypairid: §", "x: §", "# password §", "log:\n  hooks:\n    - type: mail\n      options:\n        smtp:\n          password: §",
        "log:\n  fields:\n    token: §", "health:\n  http:\n    - uri: https://anna:§@x/", "health:\n  http:\n    - uri: https://x/\n      headers:\n        Authorization: [§]",
        "loggly:\n  token: §", "auth2:\n  - §", "policy: {a: {b: §}}", "validation: {x: §}",
    ):  # fmt: skip
        yield Place("config.yml", config(top=top), ("word", "mixed", "base64"))


NGINX = """server {{
  listen 80;
  server_name hub.example;
  {server}
  location /v2/ {{
    {before}
    proxy_pass http://registry:5000/;
    proxy_set_header Authorization "";
    {after}
  }}
}}
"""


def _nginx() -> Iterator[Place]:
    lines = (
        "set $password §;", 'set $p "§";', 'proxy_set_header Authorization "Basic §b";', "proxy_set_header Authorization 'basic §b';", 'proxy_set_header Authorization "Bearer §";',
        "proxy_set_header X-Api-Key §;", "proxy_set_header Cookie session=§;", "proxy_set_header X-Custom '§';", "# §", "# htpasswd -b -c /x anna §", "# password: §", "proxy_pass http://anna:§@registry:5000;",
        'return 200 "§";', 'if ($arg_token = "§") { return 200; }', 'if ($http_x_key != "§") { return 403; }', "secure_link_md5 \"$uri §\";", "auth_basic \"the password is §\";",
        "add_header X-Secret §;", "add_header X-Upstream-Token \"§\" always;", "rewrite ^/a /b?token=§ last;", "proxy_cookie_path / \"/; §\";", "uwsgi_param K §;", "unknown_directive §;", "auth_request /x?key=§;",
        "access_by_lua_block { local s = '§' }", "proxy_set_header\n      X-Api-Key\n      §;", 'proxy_set_header Authorization "Basic\n §b";', "proxy_pass http://x.example/?token=§;", "map_x §;",
        "sub_filter 'x' '§';", "env KEY=§;", "return 302 https://x.example/?t=§;", "return 401 '{\"k\":\"§\"}';", "error_page 401 =200 /x?k=§;", "deny all; # §",
        "auth_jwt_key_x §;", "js_var $x §;", "perl_set $x '§';",
    )  # fmt: skip
    for line in lines:
        yield Place("nginx.conf", NGINX.format(server="", before="#", after=line), ("word", "mixed", "plus"))
        yield Place("nginx.conf", NGINX.format(server=line, before="#", after="#"), ("mixed",))
    yield Place(
        "nginx.conf", 'map $http_x $ok { default 0; "§" 1; }\n' + NGINX.format(server="", before="#", after="#")
    )


def _proxies() -> Iterator[Place]:
    for line in (
        "stats auth anna:§", "http-request set-header Authorization \"Basic §b\"", "http-request set-header X-Api-Key §", "acl ok req.hdr(X-Key) -m str §", "http-request set-header Authorization Basic\\ §b", "# §",
        "http-request return status 200 content-type text/plain string \"§\"", "http-request set-var(txn.k) str(§)", "option httpchk GET /?token=§", "http-check send hdr Authorization \"Basic §b\"", "server r2 registry:5000 check # §",
        "http-response set-header X-Token §", "cookie S insert indirect dynamic\n  dynamic-cookie-key §", "unknown §",
    ):  # fmt: skip
        text = f"frontend in\n  bind :80\n  default_backend r\nbackend r\n  http-request del-header Authorization\n  {line}\n  server r registry:5000\n"
        yield Place("haproxy.cfg", text, ("word", "mixed", "dash"))
    for line in ("user anna insecure-password §", "user anna password §", "group g users anna # §"):
        yield Place(
            "haproxy.cfg",
            f"userlist u\n  {line}\nfrontend in\n  bind :80\n  default_backend r\nbackend r\n  server r registry:5000\n",
            MORE,
        )
    for line in (
        "AuthLDAPBindPassword §", 'AuthLDAPBindPassword "§"', "OIDCClientSecret §", "OIDCCryptoPassphrase §", "Define PW §", "SetEnv DB_PASSWORD §", "SetEnv X §", "DBDParams \"host=db user=u pass=§\"", "# §",
        'RequestHeader set Authorization "Basic §b"', "RequestHeader set X-Api-Key §", 'RequestHeader set Authorization "expr=Basic §b"', "AuthName \"pw §\"", "ProxyPass /a http://anna:§@registry:5000/a",
        "Header set X-Token §", "RewriteRule ^/a /b?token=§", "RewriteCond %{HTTP:X-Key} !=§", 'SetEnvIf X-Key "^§$" ok', "Session_x §", "SessionCryptoPassphrase §", "ProxySet secret=§", "Require env §",
        "ErrorDocument 401 \"§\"", "Redirect /a http://x/?t=§", "AuthBasicFake anna §", "CustomLog \"|/x §\" common", "AuthLDAPURL ldap://anna:§@l/", "ProxyRemote * http://anna:§@p:1",
    ):  # fmt: skip
        text = f"<VirtualHost *:80>\n  ServerName r.example\n  ProxyPass /v2 http://registry:5000/v2\n  RequestHeader unset Authorization\n  {line}\n  ProxyPreserveHost On\n</VirtualHost>\n"
        yield Place("site.conf", text, ("word", "mixed", "dash"))
    for line in (
        "tls {\n\t\tdns cloudflare §\n\t}", "basic_auth {\n\t\tanna §6\n\t}", "basicauth {\n\t\tanna §\n\t}", 'header_up Authorization "Basic §b"', "# §", "respond \"§\"", "header X-Api-Key §", "vars k §", "redir https://x/?t=§",
        "@a header X-Key §", "@a query token=§", "request_header X-Token §", "forward_auth http://a:§@auth:80 {\n\t\turi /x?k=§\n\t}", "tls internal # §", "acme_x {$TOKEN:§}", "log_x §", "route {\n\t\tunknown §\n\t}",
    ):  # fmt: skip
        text = f"hub.example {{\n\t{line}\n\treverse_proxy registry:5000 {{\n\t\theader_up -Authorization\n\t}}\n}}\n"
        yield Place("Caddyfile", text, ("word", "mixed"))
    for line in (
        "email a@b.example\n\tacme_eab {\n\t\tkey_id a\n\t\tmac_key §\n\t}",
        "acme_dns cloudflare §",
        "storage redis {\n\t\tpassword §\n\t}",
    ):
        yield Place(
            "Caddyfile", f"{{\n\t{line}\n}}\nhub.example {{\n\treverse_proxy registry:5000\n}}\n", ("word", "mixed")
        )
    for handler in (
        '{"handler":"authentication","providers":{"http_basic":{"accounts":[{"username":"anna","password":"§j"}]}}}', '{"handler":"headers","request":{"set":{"Authorization":["Basic §b"]}}}', '{"handler":"headers","request":{"set":{"X-Api-Key":["§j"]}}}',
        '{"handler":"headers","response":{"set":{"X-Token":["§j"]}}}', '{"handler":"static_response","body":"§j"}', '{"handler":"static_response","status_code":302,"headers":{"Location":["https://x/?t=§q"]}}', '{"handler":"vars","k":"§j"}',
        '{"handler":"rewrite","uri":"/a?k=§q"}', '{"handler":"x_unknown","secret":"§j"}', '{"handler":"reverse_proxy","upstreams":[{"dial":"anna:§q@registry:5000"}],"headers":{"request":{"set":{"X-Auth-Token":["§j"]}}}}',
    ):  # fmt: skip
        text = f'{{"apps":{{"tls":{{"automation":{{"policies":[{{"issuers":[{{"challenges":{{"dns":{{"provider":{{"api_token":"§j"}}}}}}}}]}}]}}}},"http":{{"servers":{{"s":{{"listen":[":443"],"routes":[{{"match":[{{"host":["hub.example"]}}],"handle":[{handler},{{"handler":"reverse_proxy","upstreams":[{{"dial":"registry:5000"}}]}}]}}]}}}}}}}}}}\n'
        yield Place("caddy.json", text, ("word", "mixed", "base64"))
    for lines in (
        "basicAuth: {users: ['anna:§']}", "headers: {customRequestHeaders: {Authorization: 'Basic §b'}}", "headers: {customRequestHeaders: {X-Api-Key: §}}", "forwardAuth: {address: 'http://a:§@auth/'}", "digestAuth: {users: ['anna:r:§']}",
        "plugin: {p: {secret: §}}", "headers: {customResponseHeaders: {X-Token: §}}", "redirectRegex: {regex: a, replacement: 'https://x/?t=§'}", "unknown: §", "basicAuth: {realm: 'pw §', users: []}",
    ):  # fmt: skip
        text = f"http:\n  routers: {{r: {{rule: 'Host(`hub.example`)', service: s, middlewares: [m, n]}}}}\n  services: {{s: {{loadBalancer: {{servers: [{{url: 'http://registry:5000'}}]}}}}}}\n  middlewares:\n    n:\n      headers:\n        customRequestHeaders:\n          Authorization: ''\n    m:\n      {lines}\n"
        yield Place("dynamic.yml", text, ("word", "mixed", "dash"))
    for lines in (
        "pilot:\n  token: §",
        "certificatesResolvers: {a: {acme: {email: a@b, eab: {hmacEncoded: §}}}}",
        "providers: {redis: {password: §}}",
        "providers: {http: {endpoint: 'http://a:§@x'}}",
        "# §",
        "tracing: {datadog: {x: §}}",
    ):
        yield Place(
            "traefik.yml",
            f"entryPoints: {{web: {{address: ':80'}}}}\nproviders: {{docker: {{}}}}\n{lines}\n",
            ("word", "mixed", "dash"),
        )
    for lines in (
        '[http.middlewares.m.headers.customRequestHeaders]\nX-Api-Key = "§"',
        '[http.middlewares.m.basicAuth]\nusers = ["anna:§"]',
        '# §\n[pilot]\ntoken = "§"',
    ):
        yield Place(
            "dynamic.toml",
            f'[http.services.s.loadBalancer]\n[[http.services.s.loadBalancer.servers]]\nurl = "http://registry:5000"\n{lines}\n',
            ("word", "mixed", "dash"),
        )


def _logins() -> Iterator[Place]:
    for text in (
        '{"auths": {"localhost:5000": {"auth": "§b"}}}', '{"auths": {"localhost:5000": {"username": "anna", "password": "§j"}}}', '{"auths": {"localhost:5000": {"auth": "§b", "identitytoken": "§j"}}}',
        '{"auths": {"localhost:5000": {"registrytoken": "§j"}}}', '{"auths": {"localhost:5000": {"auth": "§j"}}}', '{"auths": {"localhost:5000": {"x": "§j"}}}', '{"auths": {"anna:§q@localhost:5000": {"auth": "§b"}}}',
        '{"auths": {}, "HttpHeaders": {"X-Meta": "§j"}}', '{"auths": {}, "proxies": {"default": {"httpProxy": "http://anna:§q@p:1", "noProxy": "x"}}}', '{"auths": {}, "note": "§j"}',
        '{"auths": {}, "plugins": {"a": {"k": "§j"}}}', '{"auths": {"https://localhost:5000/v1/?token=§q": {"auth": "§b"}}}', '{"auths": {"localhost:5000": {"auth": "§6"}}}', '{"auths": {"localhost:5000": {"auth": ["§j"]}}}',
    ):  # fmt: skip
        yield Place("config.json", text, (*MORE, "double", "backslash", "umlaut"))
    for text in (
        '{"insecure-registries": ["r:5000"], "log-opts": {"splunk-token": "§j"}}',
        '{"insecure-registries": ["r:5000"], "proxies": {"http-proxy": "http://a:§q@p:1"}}',
        '{"registry-mirrors": ["https://a:§q@m"], "labels": ["k=§j"]}',
    ):
        yield Place("daemon.json", text, ("word", "mixed", "dash"))


CURL = '$ curl -v {options} {url}\n*   Trying 127.0.0.1:5000...\n> GET /v2/ HTTP/1.1\n> Host: localhost:5000\n{sent}>\n< HTTP/1.1 401 Unauthorized\n< Www-Authenticate: Basic realm="R"\n{got}<\n{body}\n'


def curl(
    options: str = "", url: str = "http://localhost:5000/v2/", sent: str = "", got: str = "", body: str = ""
) -> str:
    """A transcript."""
    return CURL.format(
        options=options, url=url, sent=f"> {sent}\n" if sent else "", got=f"< {got}\n" if got else "", body=body
    )


def _curl() -> Iterator[Place]:
    for options in (
        "-u anna:§", "-u 'anna:§'", '--user "anna:§"', "--user=anna:§", "-uanna:§", "-su anna:§", "-H 'Authorization: Basic §b'", "-H 'authorization: basic §b'", "-H 'Authorization: Bearer §'", "-H 'Authorization: §'", "-H 'X-Auth-Token: §'",
        "-H 'PRIVATE-TOKEN: §'", "-H 'X-Registry-Auth: §6'", "-H 'Cookie: s=§'", "-b s=§", "--cookie 's=§'", "--oauth2-bearer §", "-U anna:§", "--proxy-user anna:§", "-x http://anna:§@p:1", "-d 'password=§'", "-d '{\"password\":\"§\"}'",
        "--data-urlencode password=§", "--proxy-header 'X: §'", "--pass §", "-E cert:§", "--aws-sigv4 aws:amz -u KEY:§", "-F token=§", "-e 'http://x/?k=§'", "-A '§'", "--key-x §", "-H 'X-Anything: §'",
    ):  # fmt: skip
        yield Place("curl.txt", curl(options), ("word", "mixed", "base64"))
    for url in (
        "http://anna:§q@localhost:5000/v2/",
        "'http://localhost:5000/v2/?token=§q'",
        "'http://localhost:5000/v2/?service=x&access_token=§q'",
        "http://§q@localhost:5000/v2/",
        "'http://localhost:5000/v2/#§q'",
        "'http://localhost:5000/token?account=a&password=§q'",
    ):
        yield Place("curl.txt", curl(url=url), ("word", "mixed", "plus", "at"))
    names = "Authorization X-Auth-Token X-Api-Key X-Registry-Auth X-Amz-Security-Token X-Forwarded-Authorization Cookie X-Custom-Thing X-Session-Id X-Signature X-Vault-Token Proxy-Authorization Private-Token".split()
    for name in names:
        yield Place("curl.txt", curl(sent=f"{name}: §"))
        yield Place("curl.txt", curl(got=f"{name}: §"), ("mixed", "base64"))
    for got in (
        "Set-Cookie: s=§; Path=/",
        "Location: https://s3/x?X-Amz-Signature=§",
        "Location: http://a:§@x/",
        'WWW-Authenticate: Bearer realm="https://a/t?key=§"',
        "Docker-Upload-UUID: §",
        "Link: <http://x/?n=1&_state=§>",
        'ETag: "§"',
        "X-Secret: §",
        "Location: /v2/x/blobs/uploads/1?_state=§",
        "Refresh: 0; url=http://x/?k=§",
    ):
        yield Place("curl.txt", curl(got=got), ("word", "mixed", "base64"))
    for body in (
        '{"token": "§j"}',
        '{"access_token":"§j","expires_in":60}',
        '{"errors":[{"code":"UNAUTHORIZED","detail":"§j"}]}',
        "<html><title>§</title></html>",
        "the password is §",
        '{"SecretAccessKey": "§j", "Token": "§j"}',
        "§",
        '{"a":{"b":"§j"}}',
        "<input value='§'>",
        "password=§",
        '{"refresh_token" : "§j"}',
        "{'token': '§'}",
    ):
        yield Place("curl.txt", curl(body=body), ("word", "mixed", "base64"))


def har(request: str = "", response: str = "", url: str = "http://r.example:5000/v2/", body: str = "") -> str:
    """A browser's export."""
    return (
        '{"log":{"version":"1.2","creator":{"name":"x"},"entries":[{"startedDateTime":"2026-11-23T13:00:00Z","request":{"method":"GET","url":"' + url + '","headers":[{"name":"Host","value":"r.example:5000"}' + request + "],"
        '"cookies":[{"name":"s","value":"x"}],"queryString":[]},"response":{"status":401,"headers":[{"name":"WWW-Authenticate","value":"Basic realm=\\"R\\""}' + response + '],"content":{"mimeType":"application/json","text":"' + body + '"}}}]}}'
    )  # fmt: skip


def _har() -> Iterator[Place]:
    for name, value in (
        ("Authorization", "Basic §b"),
        ("Authorization", "§j"),
        ("Cookie", "s=§j"),
        ("X-Auth-Token", "§j"),
        ("X-Custom", "§j"),
        ("X-Api-Key", "§j"),
        ("Set-Cookie", "s=§j"),
        ("Referer", "http://x/?t=§q"),
        ("X-CSRF", "§j"),
        ("Location", "http://x/?sig=§q"),
    ):
        row = ',{"name":"' + name + '","value":"' + value + '"}'
        yield Place("ui.har", har(request=row))
        yield Place("ui.har", har(response=row), ("mixed", "base64"))
    for url in (
        "http://anna:§q@r.example:5000/v2/",
        "http://r.example:5000/v2/?token=§q",
        "http://r.example:5000/v2/_catalog?n=10&last=§q",
        "http://r.example:5000/v2/#access_token=§q",
    ):
        yield Place("ui.har", har(url=url), ("word", "mixed"))
    for body in ('{\\"token\\":\\"§\\"}', "§", '{\\"x\\":\\"§\\"}', "<html><b>§</b>"):
        yield Place("ui.har", har(body=body), ("word", "mixed"))


def _logs() -> Iterator[Place]:
    for line in (
        'time="2026-11-23T13:03:21Z" level=warning msg="htpasswd is missing, provisioning with default user" go.version=go1.19 password="§" user=docker',
        'time="2026-11-23T13:03:21Z" level=info msg="x" go.version=go1.19 http.request.authorization="Basic §b"', "panic: s3aws: accountkey=§ is wrong", "panic: unable to open storage: secretkey: §", "panic: invalid DSN \"redis://:§@redis\"",
        'time="2026-11-23T13:03:22Z" level=warning msg="error authorizing context: basic authentication challenge for realm \\"R\\": invalid authorization credential" go.version=go1.19 http.request.uri="/v2/?token=§q" http.request.useragent="§"',
        '10.0.0.1 - anna [23/Nov/2026:13:37:48 +0000] "GET /v2/?access_token=§q HTTP/1.1" 401 87 "" "curl/8"', '10.0.0.1 - anna [23/Nov/2026:13:37:48 +0000] "GET /v2/ HTTP/1.1" 401 87 "http://x/?t=§q" "curl/8"',
        '10.0.0.1 - anna [23/Nov/2026:13:37:48 +0000] "GET http://anna:§q@r/v2/ HTTP/1.1" 401 87 "" "curl/8 §"', 'level=fatal msg="configuration error: error parsing /etc/docker/registry/config.yml: yaml: line 3: §"',
        "configuration error: error parsing config.yml: yaml: unmarshal errors:\n  line 4: cannot unmarshal !!str `§` into bool", 'level=fatal msg="error" error="password §"', '{"level":"error","msg":"token §","password":"§"}',
        '2026/11/23 13:00:00 [error] 7#7: *1 connect() failed (111: Connection refused) while connecting to upstream, client: 1.2.3.4, server: , request: "GET /v2/?k=§q HTTP/1.1", upstream: "http://anna:§q@1.2.3.4:80/v2/", host: "x"',
        'nginx: [emerg] unknown directive "§" in /etc/nginx/nginx.conf:3', 'nginx: [emerg] host not found in upstream "anna:§@registry" in /x:1',
        'time="x" level=warning msg="Ignoring unrecognized environment variable REGISTRY_§"', "fatal: permission denied with key §", "error: SECRET_KEY=§ not accepted", '{"level":"fatal","msg":"permission denied","error":"Authorization: Bearer §"}',
        'level=error msg="error checking authorization: htpasswd: invalid entry at line 3: \\"anna§\\""', 'panic: open /run/§: permission denied', 'level=error msg="response completed with error" err.detail="§" http.request.uri=/v2/ http.response.status=500',
        "ui-1  | PASSWORD=§", 'registry-1  | time="x" level=error msg="authentication failure" error="pw=§"', 'time="x" level=error msg="token signed by untrusted key with ID: \\"§\\""', "level=error msg=\"permission denied: AKIA§\"",
    ):  # fmt: skip
        yield Place("registry.log", line + "\n", ("word", "mixed"))


def _clients() -> Iterator[Place]:
    for command in (
        "docker login localhost:5000 -u anna -p §", "docker login -u anna --password § localhost:5000", "docker login -u anna --password=§ localhost:5000", "docker login -uanna -p§ localhost:5000", "docker login -u anna -p '§' localhost:5000",
        "podman login -u anna -p § localhost:5000", "podman login --username=anna --password=§ localhost:5000", "buildah login -u anna -p § localhost:5000", "nerdctl login -u anna -p § localhost:5000", "skopeo inspect --creds anna:§ docker://localhost:5000/a",
        "skopeo copy --src-creds anna:§ --dest-creds=anna:§ docker://a docker://b", "oras login -u anna -p § localhost:5000", "crane auth login -u anna -p § localhost:5000", "helm registry login -u anna --password § localhost:5000",
        "regctl registry login localhost:5000 -u anna --pass §", "kubectl create secret docker-registry r --docker-server=localhost:5000 --docker-username=anna --docker-password=§", "echo § | docker login -u anna --password-stdin localhost:5000",
        "echo '§' | podman login -u anna --password-stdin localhost:5000", "printf %s § | docker login --password-stdin", "docker login --password-stdin <<< §", "htpasswd -Bbn anna § > auth/htpasswd", "htpasswd -bB auth/htpasswd anna §", "htpasswd -nbB anna '§'",
        "docker run --rm httpd:2 htpasswd -Bbn anna §", "docker run -e REGISTRY_PASSWORD=§ registry:2", "docker run -d --env TOKEN=§ registry:2", "export REGISTRY_PASSWORD=§", "set PASSWORD=§", "$env:PASSWORD = '§'", "REGISTRY_PASSWORD=§ runbook diagnose .",
        "wget --password=§ --user=anna http://localhost:5000/v2/", "http -a anna:§ localhost:5000/v2/", "http --auth=anna:§ localhost:5000/v2/", "xh -a anna:§ localhost:5000/v2/", "sshpass -p § ssh x", "aws configure set aws_secret_access_key §", "az acr login -n x -p §",
        "openssl passwd -apr1 §", "htpasswd -c auth/htpasswd anna # §", "git clone https://anna:§@x/y", "ctr image pull -u anna:§ localhost:5000/a", "crictl pull --creds anna:§ localhost:5000/a", "crictl pull --auth §b localhost:5000/a", "ansible-vault x --pw §",
        "docker service create --env PASSWORD=§ x", "docker-compose run -e PW=§ x", "vault login token=§", "glab auth login --token §", "gh auth login --with-token <<< §", "curl -u anna:§ http://localhost:5000/v2/", "python -c \"import requests; requests.get('http://x', auth=('anna', '§'))\"",
        "caddy hash-password --plaintext §", "reg ls -u anna -p § localhost:5000", "docker buildx build --secret id=x,env=§ .", "docker build --build-arg TOKEN=§ .", "mc alias set s3 http://s3:9000 KEY §", "telnet x # §", "Invoke-WebRequest -Headers @{Authorization='Basic §b'} http://localhost:5000/v2/",
        "docker login localhost:5000 -u=anna -p=§", "docker --config /x login -u anna -p \"§\" localhost:5000", "sudo docker login -p § -u anna localhost:5000", "docker login localhost:5000 --username anna --password \\\n  §",
    ):  # fmt: skip
        text = f"$ {command}\nError response from daemon: login attempt to http://localhost:5000/v2/ failed with status: 401 Unauthorized\n$ docker pull localhost:5000/a\nError: unauthorized: authentication required\n"
        yield Place("shell.txt", text, ("word", "mixed", "dash"))
    for line in (
        "anna@host:~$ docker login localhost:5000\nUsername: anna\nPassword: §\nError response from daemon: unauthorized: authentication required", "the password for anna is § and docker login says unauthorized: authentication required",
        "unauthorized: authentication required (password §)", "Error response from daemon: Get \"http://anna:§q@localhost:5000/v2/\": unauthorized: authentication required", "Error response from daemon: Get \"http://localhost:5000/v2/?token=§q\": net/http: request canceled",
        "I tried anna/§ : unauthorized: authentication required", "Passwort lautet §, trotzdem: unauthorized: authentication required", "pw=§ -> no basic auth credentials", "login: anna password: § no basic auth credentials", "no basic auth credentials with §",
        "§ unauthorized: authentication required", "token § denied: requested access to the resource is denied", "x509: certificate signed by unknown authority; pw §", "Kennwort=§; connection refused", "failed with status: 401 Unauthorized for Basic §b",
        "Access to fetch at 'http://r.example/v2/?token=§q' from origin 'http://ui.example' has been blocked by CORS policy: No 'Access-Control-Allow-Origin' header is present on the requested resource.", "The \"§\" variable is not set. Defaulting to a blank string.",
        'time="x" level=warning msg="The \\"§\\" variable is not set. Defaulting to a blank string."', "GET http://r.example/v2/?k=§q net::ERR_FAILED 401", "anna:§ -> unauthorized: authentication required", "Authorization: Basic §b\nunauthorized: authentication required",
    ):  # fmt: skip
        yield Place("ticket.txt", f"Hello,\n{line}\nthanks\n", ("word", "mixed", "dash"))
    for line in (
        "anna:§",
        "# §",
        "anna:$apr1$QxW7zKp1$§",
        "anna:{SHA}§6",
        "anna:§:x",
        " anna : §",
        "anna:$2y$05$§",
        "anna:plain§",
    ):
        yield Place(
            "auth/htpasswd",
            f"berta:$2y$05$yvHVXtBtNZ12TpHmDNjWeOvgZ1XXpaU0fY1BCgTiCFcdfRjWgHZQm\n{line}\n",
            ("word", "mixed", "base64"),
        )
    for env, cmd in (
        ("REGISTRY_PW=§j", ""),
        ("X=§j", ""),
        ("PATH=/bin", "--token=§j"),
        ("PATH=/bin", "§j"),
        ("HTTP_PROXY=http://a:§q@p:1", ""),
    ):
        text = (
            '[{"Id":"x","Name":"/registry","Config":{"Image":"registry:2","Env":["'
            + env
            + '"],"Cmd":["'
            + cmd
            + '"],"Labels":{"note":"x"}},"Mounts":[],"NetworkSettings":{"Ports":{},"Networks":{}}}]'
        )
        yield Place("inspect.json", text, ("word", "mixed"))
    yield Place(
        "inspect.json",
        '[{"Id":"x","Name":"/registry","Config":{"Image":"registry:2","Env":[],"Labels":{"com.example.note":"§j"}},"Mounts":[],"NetworkSettings":{"Ports":{},"Networks":{}}}]',
    )


def places() -> list[Place]:
    """All of them."""
    makers = (_compose, _dotenv, _config, _nginx, _proxies, _logins, _curl, _har, _logs, _clients)
    return [*(place for maker in makers for place in maker()), *more_places.places()]


def count() -> int:
    """How many placements that are: one for each shape that fits a place."""
    return sum(len(place.shapes) for place in places())
