"""The claims that can be tried: how people word them, how people deny them, what is true.

A wording is a tuple of patterns that must all be found in one sentence, in any order; "!" in front of one means that it
must not be found. Sentences arrive in lower case, with plain quotes and without emphasis.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

Verdict = Literal["true", "wrong", "depends"]
Wording = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that is said about such a stack, and the experiment that decides it."""

    id: str
    claim: str
    verdict: Verdict
    """What is to be said of the claim; a sentence that denies a wrong claim is true."""
    truth: str
    experiment: str
    source: str
    said: tuple[Wording, ...] = ()
    denied: tuple[Wording, ...] = ()
    unless: str = ""
    """A sentence in which this is found is about something else."""

    def judge(self, sentence: str) -> Verdict | None:
        """What the sentence is, if it makes the claim or denies it; None when it does neither."""
        if self.unless and _pattern(self.unless).search(sentence):
            return None
        if any(_found(wording, sentence) for wording in self.denied):
            return "true"
        return self.verdict if any(_found(wording, sentence) for wording in self.said) else None


def opposite(verdict: Verdict) -> Verdict:
    """What a text says by calling such a sentence false."""
    return {"wrong": "true", "true": "wrong", "depends": "depends"}[verdict]  # type: ignore[return-value]


def _found(wording: Wording, sentence: str) -> bool:
    return all(bool(_pattern(p.removeprefix("!")).search(sentence)) != p.startswith("!") for p in wording)


_pattern = cache(re.compile)


_BOTH = "run on registry 2.8.2 and 3.1.1"
_PROXY = r"\b(?:prox(?:y|ies)|nginx|ui|front-?end|ingress|traefik|caddy|haproxy|load[ -]?balancer|hop|gateway)s?\b"
_AUTHORIZATION = r"\bauthori[sz]ation\b|\bauth(?:entication)? headers?\b|\bcredentials?\b|\blogin\b"
_NOT = r"(?:not|n't|never|cannot|no)\b"
_FILE = r"htpasswd|\bpassword file|\bauth file|\bcredentials? file|\bthe file\b"
_REFUSE = r"reject|refus|deny|den(?:y|ies|ied)|block|401|unauthori[sz]ed|fail|error|not accept|won't accept|ignore"
_MUST = r"\bmust\b|\bha(?:s|ve) to\b|\bneeds?\b|\brequire|\bshould\b|\bmake sure\b|\bensure\b|\bverify\b|\bcheck that\b|\bonly\b"

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "realm",
        "The realm must be the same everywhere, since the client computes something from it.",
        "wrong",
        "With Basic the client sends base64(user:password). The realm is a label and enters nothing; any text works.",
        "realm",
        f"The same request with any realm: 200; {_BOTH}.",
        said=(
            (
                r"\brealm",
                r"\bdigest|\bhash(?:es|ed|ing)?\b|\bcalculat|\bcomput|\bderiv|\bsignature|\bencod(?:e|es|ed|ing)\b",
            ),
            (r"\brealm", _MUST, r"\bmatch|\bsame\b|\bidentical|\bconsistent|\bagree|\balign|\bequal"),
            (
                r"\brealm",
                r"mismatch|misalign|misconfigur|\bdiffer(?:s|ent|ence|ing)?\b|(?:not|n't) (?:match|align|agree)|\bwrong realm|\bnot the same",
            ),
            (r"\b(?:match|align|same|identical)\w*\b.{0,40}\brealm",),
            (
                r"\brealm",
                r"\bscoped? to\b|\bbound to\b|\bvalid only for\b|\bonly valid\b|\btied to\b",
                r"credential|login|password|token",
            ),
        ),
        denied=(
            (
                r"\brealm",
                r"\b(?:just|only|merely|simply|purely|nothing (?:but|more than)) (?:an? |the )?(?:\w+ ){0,2}(?:label|text|string|name|prompt|description|hint)\b",
            ),
            (
                r"\brealm",
                r"\bcosmetic|\bis (?:a|the) (?:label|text|string|prompt)|\birrelevant|\bmakes no difference|\bno influence|\bno role|\bno part\b",
            ),
            (
                r"\brealm",
                r"\b(?:any|whatever|arbitrary|free)\b.{0,24}\b(?:text|value|string|realm|name|wording|label)\b",
                r"!" + _REFUSE,
            ),
            (
                r"\brealm.{0,60}\b(?:is|are|does|do|has|have|was|can|could|will|would|need)(?: not|n't|not| never| no)\b.{0,6}\b(?:matter|affect|change|have to|need|influence|play|enter|part|used|checked|compared|involved|includ|role|effect|cause|be the (?:cause|reason)|the (?:cause|reason|problem)|relevant|break|to be)",
            ),
            (r"\brealm.{0,30}\bneedn't",),
            (
                r"\b(?:no matter|whatever|whichever|regardless of|independent of|irrespective of)\b.{0,30}\brealm",
                "!" + _REFUSE,
            ),
            (
                r"\b(?:nothing|never|not|n't|no(?:thing)?)\b.{0,40}\b(?:from|of|into|in|to do with|because of|by|with|on|about)\b.{0,20}\brealm",
                r"!mismatch|(?:not|n't) match",
            ),
        ),
        unless=r"\bbearer\b|\btoken\b|\bkeycloak|\bkerberos|\bdigest auth|\boauth|\bdefault\b.{0,30}\brealm|\bpath and realm\b|\bre?moves?\b|\bomit|\bunset",
    ),
    Claim(
        "realm-default",
        "Without a realm the registry uses its default.",
        "wrong",
        'There is no default. Without a realm the registry does not start: "realm" must be set for htpasswd access controller.',
        "realm",
        f"Last row of the experiment; {_BOTH}.",
        said=(
            (
                r"\brealm",
                r"\bremov|\bomit|\bdelet|\bleav\w* (?:it )?(?:out|off|empty|blank)|\bunset|\bdrop|\bwithout\b|\bcomment(?:ed|ing)? (?:it )?out|\bnot set|\bskip",
                r"\bdefaults?\b|\boptional\b|\bfall",
            ),
            (r"\brealm", r"\b(?:use|uses|using|let|rely on|fall back to|falls back to)\b.{0,30}\bdefault"),
            (r"\brealm\b.{0,20}\b(?:is|are) optional", "!(?:not|n't)"),
        ),
        denied=(
            (
                r"\brealm",
                r"(?:not|n't) start|\bpanic|\brefuses to start|\bfails to start|\bcrash|\bno default|\bmandatory",
            ),
            (
                r"\brealm\b.{0,60}\b(?:must|ha(?:s|ve) to|needs? to|should) (?:always )?be (?:set|present|given|configured|there|specified)",
            ),
            (r"\brealm\b.{0,30}\b(?:is|are) (?:always )?required", "!match|same|identical"),
        ),
        unless=r"\bbearer\b|\btoken\b|\bkeycloak|\bui\b.{0,40}default \"",
    ),
    Claim(
        "host",
        "The registry accepts only its own name and checks Host and Origin.",
        "wrong",
        "It answers any Host and any Origin. Host decides where an upload's Location points; Origin matters to browsers.",
        "host",
        f"Any Host, any Origin: 200; {_BOTH}.",
        said=(
            (
                r"\bregistry\b",
                r"\b(?:accept|allow|respond|answer|listen|serve|trust|honou?r|expect)\w*\b.{0,40}\b(?:only|exclusively|just)\b|\bonly\b.{0,30}\b(?:accept|allow|respond|answer|serve|trust|honou?r|expect)",
                r"\bregistry:\d+|\bhosts?\b|\bhostname|\borigin|\b(?:service |internal |own )name\b|\bcertain url",
            ),
            (
                r"\bregistry\b",
                r"\b(?:check|verif|validat|enforc|inspect|compar|reject|refus|den(?:y|ies)|block)\w*\b.{0,60}\b(?:hosts?|hostname|origin)\b",
            ),
            (
                r"\b(?:host|origin)\b(?:'s)?(?: header)?",
                r"\bregistry\b",
                r"(?:not|n't) (?:match|equal|allowed|recognized)|mismatch|\bwrong\b|\bdiffer|\bunexpected",
                _REFUSE,
            ),
            (
                r"\bhost(?:name)? header\b",
                r"\bmust (?:match|be|equal)",
                r"\bregistry\b",
                r"401|unauthori[sz]ed|reject|refus|authenticat",
            ),
            (r"\bsecurity checks?\b", r"\bhost\b|\borigin\b", r"\bregistry\b"),
        ),
        denied=(
            (
                r"\bregistry\b",
                r"(?:not|n't|never|neither|no)\b.{0,20}\b(?:check|care|look|validat|verif|inspect|compar|reject|refus|limit|restrict)",
                r"\bhosts?\b|\borigin",
            ),
            (
                r"\bregistry\b|\bit\b",
                r"\b(?:accept|answer|serve|repl|respond)\w*\b.{0,30}\b(?:any|every|whatever|all)\b",
                r"\bhosts?\b|\bhostname|\borigin|\bname",
            ),
            (
                r"\b(?:any|every|whatever)\b.{0,12}\b(?:hosts?|origin)\b",
                r"\b200\b|\bworks?\b|\baccepted|\banswer|\bfine\b",
            ),
            (r"\bhost\b", r"\blocation\b", r"\bupload|\bpush"),
        ),
        unless=r"\bcors\b|\bpreflight|\bcertificate|\bx509|\bsan\b|\bserver_name|\bvirtual ?host|\bingress rule|\binsecure-registr|\bbrowser\b|\baccess-control|\bdns\b|\bfirewall|\ballow-origin",
    ),
    Claim(
        "stripping",
        "Proxies strip the Authorization header by default, because it is hop-by-hop.",
        "wrong",
        "It is end-to-end. nginx (so the UI), Caddy, HAProxy, Apache and Traefik hand it on untouched; it goes missing where "
        "somebody removes, empties or overwrites it.",
        "hop-by-hop",
        "Registry UI 2.6.0, nginx, Caddy, HAProxy untouched: 200; with an emptied NGINX_PROXY_HEADER_Authorization: 401. RFC 9110, 11.6.2.",
        said=(
            (r"\bauthori[sz]ation\b|\bauth(?:entication)? headers?\b", r"\bhop[- ]by[- ]hop\b"),
            (
                _PROXY,
                r"\b(?:strip|drop|remov|discard|swallow|eat|lose|filter)\w*\b",
                r"\bauthori[sz]ation\b|\bauth(?:entication)? headers?\b|\bcredentials?\b|\bheaders?\b.{0,20}\bauth",
                r"\bby default\b|\bdefault behaviou?r|\busually\b|\boften\b|\bcommonly\b|\btypically\b|\bautomatically\b|\bunless\b|\bmany\b|\bmost\b|\bnormally\b",
            ),
            (
                _PROXY,
                r"(?:not|n't|never) (?:\w+ )?(?:pass|forward|send|preserv|hand|relay|propagat|transmit|includ)\w*",
                r"\bauthori[sz]ation\b|\bauth(?:entication)? headers?\b|\bcredentials?\b",
                r"\bby default\b|\bdefault behaviou?r|\busually\b|\bcommonly\b|\btypically\b|\bautomatically\b|\bunless\b|\bmany\b|\bmost\b|\bnormally\b",
            ),
        ),
        denied=(
            (r"\bauthori[sz]ation\b|\bauth headers?\b", r"\bend[- ]to[- ]end\b"),
            (r"\bauthori[sz]ation\b|\bauth headers?\b", r"(?:not|n't|never|no) (?:an? )?hop[- ]by[- ]hop"),
            (
                _PROXY,
                r"\b(?:pass|forward|hand|relay|send|preserv|keep)\w*\b",
                r"\bauthori[sz]ation\b|\bauth(?:entication)? headers?\b",
                r"\bby default\b|\buntouched|\bunchanged|\bas is\b|\bas it is\b|\bwithout any (?:setting|line|config)|\bout of the box",
                r"!" + _NOT,
                r"!\bunless\b|\bmust\b|\bexplicit",
            ),
            (
                _PROXY,
                r"\b(?:do|does|will|would)(?: not|n't) (?:strip|drop|remove|discard|lose|touch)",
                r"\bauthori[sz]ation\b|\bauth(?:entication)? headers?\b",
            ),
        ),
        unless=r'\bredirect|proxy_set_header authorization ["\']{2}|\bempt(?:y|ied|ies)|\bset to nothing|nginx_proxy_header|\boverwrit|\bauth_request|\bforward-?auth|\bbasicauth|\bauth_basic|\bresponse header|\bwww-authenticate',
    ),
    Claim(
        "forwarding-line",
        "nginx, or the UI, needs a line that passes the Authorization header on.",
        "depends",
        "It hands the header on without any line (proxy_set_header Authorization $http_authorization changes nothing). A line is "
        "needed only where the header was emptied or overwritten, and then removing that is the fix.",
        "hop-by-hop",
        "Second row of the experiment: an nginx that says nothing of Authorization: 200.",
        said=(
            (
                _PROXY,
                _MUST + r"|\badd\b|\bexplicit",
                r"\b(?:forward|pass|preserv|propagat|relay)\w*\b",
                r"\bauthori[sz]ation\b|\bauth(?:entication)? headers?\b",
            ),
            (r"proxy_set_header authorization \$http_authorization",),
        ),
        unless=r"\bredirect|\bwithout any (?:setting|line)|\bby default\b|\buntouched",
    ),
    Claim(
        "uid",
        "The htpasswd file must belong to UID 1000, or be readable by it.",
        "wrong",
        "The official images run as root and read any file. The owner matters only with `user:`, a rootless engine or SELinux; "
        "and an unreadable file stops the start, so nobody gets a 401.",
        "uid",
        f"registry:2 and registry:3 run as uid 0; {_BOTH}.",
        said=(
            (
                rf"{_FILE}|\bauth\b|\bvolume",
                r"\b(?:uid|user(?:[- ]?id)?|owner|owned|gid|user)\b.{0,25}\b1000\b|\b1000:1000\b|\b1000\b.{0,25}\b(?:uid|user|owner|owned)\b",
            ),
            (r"\bregistry\b", r"\bruns? as\b.{0,25}\b(?:uid |user )?1000\b"),
            (r"\bchown\b.{0,30}\b1000\b", r"auth|htpasswd|passwd"),
        ),
        denied=(
            (
                r"\bregistry\b|\bimages?\b|\bcontainer",
                r"\bruns? as (?:uid 0|root|user root)|\buid 0\b",
                r"!(?:not|n't)",
            ),
            (
                r"\b1000\b",
                r"(?:not|n't|never|no) (?:need|have|matter|required|necessary|care)|\bregardless|\bmakes no difference|\bwhoever owns|\birrelevant",
            ),
        ),
        unless=r"^\s*(?:-\s*)?user:|--user\b|\brootless\b|\buser: ?[\"']?1000|\bjenkins|\bif you (?:run|set|use)\b|\bsecuritycontext|\brunasuser|\bwhen (?:it|the registry|the container) runs as",
    ),
    Claim(
        "newline",
        "A missing newline makes the htpasswd file invalid.",
        "wrong",
        "Without a newline at its end the file works. Only one missing BETWEEN two entries does harm: the first user works, the "
        "second is gone.",
        "merged-lines",
        f"No final newline: 200, two entries on one line: 200 and 401; {_BOTH}.",
        said=(
            (
                rf"{_FILE}|\bentr(?:y|ies)\b",
                r"\b(?:trailing|final|ending|terminating|last) (?:newline|line ?break|line feed|lf)\b|\bnewlines?\b|\bnew lines?\b|\bline ?breaks?\b",
                r"\binvalid|\bcorrupt|\bbreaks? (?:the|auth)|\bfail|\breject|\bmalformed|\bunreadable|(?:not|n't) (?:be )?(?:read|pars|recogni|valid|work|load)|\bmust end|\b401\b|\bcause\b|\bmandatory|\brequired|\bneeds? (?:a|to end)",
            ),
        ),
        denied=(
            (
                r"\b(?:newlines?|new lines?|line ?breaks?)\b",
                r"\bharmless|(?:not|n't) (?:matter|needed|required|necessary|a problem|break)|\bno problem|\bfine\b|\bworks?\b.{0,20}\bwithout|\bwithout\b.{0,60}\bworks?\b|\boptional",
            ),
        ),
        unless=r"\bbetween\b|\bappend|>>|\bmerge|\bsecond (?:user|entry|line)|\bnext (?:user|entry|line)|\bjoin|\bsame line|\bone line\b|\bbase64|\becho\b|\bprintf\b|\bcrlf|\bcarriage|\bwindows|\btrailing (?:white ?)?space|\bdouble",
    ),
    Claim(
        "entry-per-line",
        "Two entries on one line: the second user is gone.",
        "true",
        "What follows the first hash is ignored, so the first user works and the second does not exist.",
        "merged-lines",
        f"200 and 401; {_BOTH}.",
        said=(
            (
                r"\bnewline|\bline ?break|\bsame line\b|\bone line\b|\bown line\b|\bmerge|\bline of (?:its|their) own",
                r"\bbetween\b|\bappend|>>|\bmerged?\b|\bsecond\b|\bnext\b|\bjoin|\btwo (?:entries|users)|\beach (?:user|entry)|\bone (?:user|entry) per",
                rf"{_FILE}|\bentr(?:y|ies)|\busers?\b",
            ),
        ),
        unless=r"\bbase64|(?:not|n't) (?:matter|harm)",
    ),
    Claim(
        "line-ends",
        "Windows line ends (CRLF) break the htpasswd file.",
        "wrong",
        "The registry trims every line, so CRLF is harmless. A byte order mark and a space before the colon are not.",
        "line-ends",
        f"CRLF: 200, BOM: 401, a space before the colon: 401; {_BOTH}.",
        said=(
            (
                r"\bcrlf\b|\bwindows[- ](?:style )?line|\bcarriage return|\bdos line|\\r\\n|\bdos2unix|\^m\b",
                rf"{_FILE}|\bregistry\b|\bhash|\bentr|\blogin",
                r"\binvalid|\bcorrupt|\bbreak|\bfail|\breject|\b401\b|\bmust\b|\bconvert|\bdos2unix|\bpart of\b|(?:not|n't) match|\bcause|\bproblem|\bmismatch|\bremove|\bstrip",
            ),
        ),
        denied=(
            (
                r"\bcrlf\b|\bwindows line|\bwindows[- ]style line|\bcarriage return",
                r"\bharmless|\btrim|(?:not|n't|never) (?:matter|a problem|break|harm|affect)|\bno problem|\bfine\b|\bdo(?:es)? no harm|\bignored|\b200\b",
            ),
        ),
        unless=r"\bpassword-stdin|\bbase64|\bshell script|\bentrypoint|\bnginx\.conf",
    ),
    Claim(
        "byte-order-mark",
        "A byte order mark makes the first user unknown.",
        "true",
        "The mark becomes part of the first name.",
        "line-ends",
        f"401; {_BOTH}.",
        said=(
            (
                r"\bbom\b|\bbyte[- ]order mark",
                r"\bfirst\b|\b401\b|\bunknown|\bpart of|\bbreak|\bremove|\bwithout\b|\bfail|\bmust\b",
                rf"{_FILE}|\buser|\bentr",
            ),
        ),
        unless=r"(?:not|n't) (?:matter|harm|break)|\bharmless",
    ),
    Claim(
        "bcrypt-only",
        "Entries must be bcrypt, made with htpasswd -B.",
        "true",
        "The registry compares with bcrypt only. Other hashes are loaded without complaint and never match.",
        "hashes",
        f"bcrypt 200, apr1 and SHA 401; {_BOTH}.",
        said=(
            (
                r"\bbcrypt\b",
                r"\bonly\b|\bmust\b|\brequire|\bneeds?\b|\bha(?:s|ve) to\b|\bunderstands?\b|\bsupport|\bshould\b|\balways\b|\bno other|\bnothing else",
                r"!(?:not|n't|no|never) (?:need|require|have to|support)",
                r"!\bor (?:md5|sha|apr1)|\bboth\b",
            ),
            (
                r"(?:-b|capital b)\b",
                r"htpasswd",
                r"\bmust\b|\brequire|\bneeds?\b|\bwithout\b|\bforget|\bforgot|\bmiss|\bflag|\boption",
                r"\bbcrypt|\bmd5|\bapr1|\bhash",
            ),
            (
                r"\b(?:md5|apr1|\$apr1\$|sha-?1?|\{sha\}|crypt|plain ?text)\b",
                r"\bregistry\b|\bentr|htpasswd",
                r"(?:not|n't|never|no longer) (?:\w+ )?(?:match|work|support|accept|understood|understand|valid)|\b401\b|\bunsupported|\bignored|\bfails?\b|\brefused|\breject",
            ),
        ),
        unless=r"\bpostgres|\bmysql|\bldap|\bapache (?:itself|only)|\bpassword longer|\bsha256:|\bmanifest|\bdigest",
    ),
    Claim(
        "any-hash",
        "Any entry that htpasswd writes will do (MD5, SHA).",
        "wrong",
        "Only bcrypt is compared. An entry made without -B loads without complaint and lets nobody in.",
        "hashes",
        f"bcrypt 200, apr1 and SHA 401; {_BOTH}.",
        said=(
            (
                r"\bregistry\b|htpasswd",
                r"\b(?:md5|apr1|sha-?1?|\{sha\})\b",
                r"\b(?:supports?|accepts?|understands?|works?|fine|valid|compatible|enough|recommended|use|default)\b",
                "!" + _NOT,
                r"!\bonly bcrypt|\binstead of|\brather than|\bfail|\b401\b|\bunsupported|\breject|\brefus|\bwithout complaint",
            ),
            (
                r"\b(?:any|every|whatever|all)\b.{0,20}\b(?:hash|algorithm|format|entry|kind)\w*\b.{0,60}\b(?:works?|will do|accepted|fine|supported|understood)",
                r"htpasswd|\bregistry\b",
                "!" + _NOT,
            ),
            (r"\bbcrypt\b.{0,30}\b(?:is|are) (?:not (?:required|needed|necessary)|optional)", r"htpasswd|\bregistry\b"),
        ),
        unless=r"sha256:|\bmanifest|\bdigest|\bimage\b.{0,20}\bsha|\bcommit|\bkubernetes ingress|\bnginx (?:itself|accepts|understands|supports)|\bapache\b",
    ),
    Claim(
        "every-401",
        "A 401 means that the login is broken.",
        "wrong",
        "A 401 to a request without a login is the challenge: the protocol at work. Only a 401 to the right login is a fault.",
        "three-answers",
        f"No login 401, the right login 200; {_BOTH}.",
        said=(
            (
                r"\b(?:every|each|any|all|a)\b.{0,12}\b401\b",
                r"\b(?:means?|proves?|shows?|indicates?|is|are)\b.{0,40}\b(?:wrong|bad|invalid|failed|broken|incorrect|rejected)\b.{0,20}\b(?:password|login|credential|authenticat|username|setup)?",
                r"\bevery|\beach|\bany\b|\ball\b|\balways|\bmeans? that|\bproves?",
                "!" + _NOT,
            ),
            (
                r"\b401\b",
                r"\b(?:without|no) (?:a )?(?:login|credential|authentication|password)",
                r"\b(?:is|means|indicates?|shows?) (?:an? )?(?:\w+ )?(?:error|fault|problem|broken|misconfigur)",
                "!" + _NOT,
            ),
        ),
        denied=(
            (
                r"\b401\b",
                r"\b(?:without|no|before|anonymous|first|unauthenticated|initial)\b",
                r"\b(?:normal|expected|challenge|by design|as it should|healthy|protocol|no fault|not a fault|fine|correct)\b",
                r"!(?:not|n't) (?:normal|expected)",
            ),
            (
                r"\b401\b",
                r"(?:not every|not all|not each|not necessarily|(?:is|does)(?: not|n't)(?: always| necessarily)?)\b.{0,40}\b(?:fault|error|failed|failure|mean|wrong|problem)",
            ),
        ),
    ),
    Claim(
        "preflight",
        "With the right Access-Control headers the registry lets a preflight through.",
        "wrong",
        "It answers every OPTIONS without a login 401, whatever headers are configured. Let the UI, or another proxy, answer.",
        "preflight",
        f"401 with and without the headers; {_BOTH}.",
        said=(
            (
                r"\bpreflight|\boptions\b(?: request| call|\b.{0,20}\b401)",
                r"\b(?:access-control|allow-methods|allow-headers|allow-origin|cors headers?|cors settings?|cors)\b",
                r"\b(?:add|set|configur|enabl|allow|includ|fix|solve|pass|succeed|work|let)\w*",
                r"\bregistry\b|\bregistry_http_headers|\bconfig\.yml",
                "!" + _NOT,
                r"!\bproxy\b|\bnginx\b|\bsame origin|\bsame-origin|\bstill\b|\b401\b.{0,20}\bwhatever",
            ),
        ),
        denied=(
            (
                r"\bpreflight|\boptions\b",
                r"\b401\b|\brefus|\breject|\bunauthori[sz]ed|(?:not|n't|never|cannot) (?:answer|pass|succeed|help)",
                r"\bregistry\b",
                r"\bwhatever|\balways|\bevery|\beven (?:with|when|if)|\bno matter|\bregardless|\bno header|\bbefore it|\bwithout (?:a )?(?:login|credential)|\bstill\b",
            ),
        ),
    ),
    Claim(
        "cors-origin",
        "The registry must allow its own address as origin.",
        "wrong",
        "It must allow the page's: scheme, name and port as the browser's address bar has them, without a slash.",
        "cors-origin",
        "Chromium: the registry's address and a slash at the end are kept back, the page's own is shown.",
        said=(
            (
                r"\ballow-origin|\ballowed origins?|\bcors origin",
                r"\bregistry(?:'s)? (?:own )?(?:url|address|origin|host(?:name)?)|\baddress of the registry|\burl of the registry",
                r"\b(?:set|must|should|add|allow|to)\b",
                "!" + _NOT,
                r"!\bpage|\bbrowser|\bui(?:'s)?\b",
            ),
        ),
        denied=(
            (
                r"\ballow-origin|\ballowed? origins?|\borigin\b",
                r"\b(?:ui(?:'s)?|page(?:'s)?|browser(?:'s)?|address bar|front-?end(?:'s)?)\b.{0,30}\b(?:url|address|origin|bar|host)\b|\b(?:url|address|origin)\b.{0,20}\bof the (?:ui|page|front-?end)",
                r"\b(?:must|should|exact|needs?|ha(?:s|ve) to|set|letter)\w*\b",
                "!" + _NOT,
            ),
        ),
        unless=r"\bregistry-ui:80\b",
    ),
    Claim(
        "header-list",
        "A header of the registry may be a plain value in its variable.",
        "wrong",
        "REGISTRY_HTTP_HEADERS_… takes a YAML list: '[\"…\"]'. Anything else is a configuration error, and the registry does not start.",
        "header-list",
        f"'[\"*\"]' starts, '*' does not; {_BOTH}.",
        said=((r"registry_http_headers_[\w-]+['\"]?\s*[:=]\s*['\"]?(?:\*|https?://|true\b|\[\*\]|['\"]\s*$)",),),
        denied=(
            (
                r"registry_http_headers|\bheaders?\b.{0,30}\b(?:variable|environment)|\bheader value",
                r"\b(?:must|ha(?:s|ve) to|needs? to) be (?:an? )?(?:yaml |quoted )?(?:list|array)|\bas an? (?:yaml )?(?:list|array)",
            ),
        ),
    ),
    Claim(
        "localhost",
        "A container reaches the registry at localhost:5000.",
        "wrong",
        "Inside a container localhost is that container itself. Between containers the service name is the address.",
        "upstream",
        "Service name 200, localhost 502; run with nginx and the registry UI.",
        said=(
            (r"(?:nginx_proxy_pass_url|proxy_pass)['\"]?[\s:=]+['\"]?https?://(?:localhost|127\.0\.0\.1):5000",),
            (
                r"\b(?:ui|container|proxy|nginx)\b",
                r"\b(?:set|point|use|reach|connect|talk)\w*\b",
                r"\blocalhost:5000\b",
                r"\b(?:proxy_pass|nginx_proxy_pass_url|upstream|from (?:inside )?the (?:ui|proxy|nginx)? ?container)",
                "!" + _NOT,
                r"!\binstead\b|\brather than|\bitself\b",
            ),
        ),
        denied=(
            (
                r"\blocalhost\b|\b127\.0\.0\.1\b",
                r"\b(?:inside|within|in) (?:an?|the|another|every|each)\b.{0,12}\bcontainer",
                r"\bitself\b|\bthat container\b|\bits own\b|(?:not|n't) (?:the host|reach|the registry|your)",
            ),
            (
                r"\bservice name\b",
                r"\bcontainer|\bupstream|\bproxy_pass|\bnginx_proxy_pass_url",
                r"\b(?:use|must|should|instead|rather|reach)\w*\b",
                "!" + _NOT + r"|\b401\b",
            ),
        ),
        unless=r"\bnetwork_mode|\bhost network|\bnetwork=host|\bdocker login|\bdocker push|\bdocker pull|\bcurl\b",
    ),
    Claim(
        "scopes",
        "localhost:5000 and registry:5000 are different scopes for a login.",
        "wrong",
        "The registry takes the same login under any name. Only the client keeps logins apart: docker stores them by the literal "
        "host and port.",
        "scopes",
        "The same login under both names: 200; docker's config.json, docker CLI 28.",
        said=(
            (
                r"\blocalhost\b",
                r"\bregistry:\d+|\bcontainer name|\bservice name|\binternal (?:host)?name",
                r"\bscopes?\b|\bdifferent (?:auth\w* )?(?:realms?|domains?|registries|contexts?|credentials?|identit)|\bauthentication scope|\bseparate (?:realms?|credentials?|registries)",
            ),
            (
                r"\b(?:credentials?|logins?|passwords?|tokens?)\b",
                r"\bscoped? (?:to|by|per)\b|\bnot valid (?:for|at)\b|\bonly valid (?:for|at)\b",
                r"\blocalhost\b|\bregistry:\d+|\bhostname\b",
            ),
        ),
        denied=(
            (
                r"\bdocker\b|\bclient|\bconfig\.json",
                r"\b(?:stor|sav|keep|kept|key|look)\w*\b",
                r"\b(?:literal|exact|hosts?|hostname|address|host:port|name)\b",
                r"\blogins?\b|\bcredentials?\b|\bauths?\b|\bpasswords?\b",
                r"!\bscopes?\b",
            ),
            (r"\bsame login\b|\bsame credentials?\b", r"\b(?:any|either|both|every) (?:name|host|address)", "!" + _NOT),
        ),
        unless=r"\btoken scope|\bscope=repository|\bpull scope|\bpush scope|\bbearer\b",
    ),
    Claim(
        "ui-variables",
        "REGISTRY_USER and REGISTRY_PASSWORD log the UI in; REGISTRY_PROXY_AUTHORIZATION makes it pass logins on.",
        "wrong",
        "Nobody reads them. The UI's nginx hands on the login that the browser sends, and has none of its own.",
        "ui-variables",
        "The registry UI's own start script names every variable that it reads; 401 with and without them.",
        said=(
            (r"\bregistry_proxy_authori[sz]ation\b",),
            (
                r"\bregistry_(?:user(?:name)?|password)\b",
                r"\bui\b|\bfront-?end|\bjoxit",
                r"\b(?:set|pass|provid|configur|add|give|use|log|authenticat|need|with)\w*",
                "!" + _NOT + r"|\bignored?\b|\bnobody\b|\bunknown\b",
            ),
        ),
        denied=(
            (
                r"\bregistry_(?:user(?:name)?|password|proxy_authori[sz]ation)\b",
                r"\bignored?\b|\bnobody\b|\bno effect|\bunknown\b|(?:not|n't|never) (?:\w+ )?(?:read|used|exist|know|do|support|recogni)|\bnothing reads",
            ),
        ),
        unless=r"\bci_registry|\bgitlab|\bgithub|\bdocker login|\bregistry_proxy_(?:username|password|remoteurl)",
    ),
    Claim(
        "secured",
        "REGISTRY_SECURED=false at the UI switches the login off.",
        "wrong",
        "It tells the page how to ask, nothing more. Whether a login is needed is decided by the registry alone.",
        "secured",
        "401 without a login, directly and through the UI, whatever it is.",
        said=(
            (
                r"\bregistry_secured\b",
                r"\bfalse\b|\bturn\w* off|\bdisabl|\bswitch\w* off",
                r"\b(?:disabl|turn|switch|remov|bypass|skip)\w*\b.{0,30}\b(?:auth\w*|login|security|password)|\bno (?:auth\w*|login)|\bwithout (?:a )?(?:auth\w*|login|password)|\bopen\b|\banonymous",
                r"!(?:not|n't|never) (?:\w+ )?(?:disabl|turn|switch|remov|bypass)",
            ),
            (
                r"\bregistry_secured\b",
                r"\btrue\b",
                r"\b(?:enabl|turn|switch|enforc|activat|require)\w*\b.{0,30}\b(?:auth\w*|login|security)",
                r"!\bpage|\bbrowser|" + _NOT,
            ),
        ),
        denied=(
            (
                r"\bregistry_secured\b",
                r"(?:not|n't|never)\b.{0,20}\b(?:disabl|turn|switch|enforc|affect|change|protect|secure|enabl)|\bonly tells|\bhow the page|\btells the page",
            ),
        ),
    ),
    Claim(
        "ui-volume",
        "The UI must mount the registry's volume to show images.",
        "wrong",
        "It asks the registry's API and reads no file of it.",
        "ui-volume",
        "The list comes with no volume at the UI; with the registry stopped it does not: 502.",
        said=(
            (
                r"\bui\b|\bfront-?end",
                r"\bmount|\bshare|\bvolume",
                r"/var/lib/registry|\bregistry(?:'s)? (?:data |storage )?(?:volume|data|storage)|\bsame volume|\bimages? (?:data|folder|volume)|\bdata volume",
                _MUST + r"|\bso that\b|\bin order to|\bto (?:see|show|list|read|access)|\bcan (?:see|list|read)",
                r"!(?:not|n't|never|no) (?:need|have to|require|mount|access|volume)|\bneeds? no\b",
            ),
        ),
        denied=(
            (
                r"\bui\b|\bfront-?end",
                r"\bvolume|\bmount",
                r"\b(?:only|just)\b.{0,30}\bapi\b|\b(?:do not|don't|never|no need to)\b.{0,20}\b(?:run|mount|share|give)\b",
            ),
            (
                r"\bui\b|\bfront-?end",
                r"\bvolume|\bmount",
                r"(?:not|n't|never|no)\b.{0,12}\b(?:need|require|read|mount|volume|access|have to)",
                r"\bregistry|\bapi\b",
            ),
        ),
    ),
    Claim(
        "reload",
        "After the htpasswd file was changed the registry must be restarted.",
        "depends",
        "With the folder mounted no restart is needed: the file is read again when its time changes. A file that is mounted by "
        "itself keeps its old content when an editor replaces it; then re-create the container (a restart is not enough).",
        "reload",
        f"Changed in place: the new password 200, the old 401, nothing restarted; {_BOTH}.",
        said=(
            (
                r"\bregistry\b|\bcontainer\b",
                r"htpasswd|\bpassword file",
                r"\b(?:restart|re-?creat|reload|up -d)\w*\b",
                r"\b(?:chang|edit|updat|add|modif|after|pick|take effect|reread|re-read)\w*",
                r"!(?:not|n't|no|never|without)\b",
            ),
        ),
        denied=(
            (
                r"htpasswd|\bpassword file",
                r"\b(?:re-?reads?|reloads?|reads? it again|picks? (?:it )?up|read again|watch)\w*\b",
                r"\b(?:no|without|not|n't)\b.{0,20}\brestart|\bmtime|\bwhen (?:it|the file|its)\b.{0,20}\bchang|\bautomatically|\bby itself",
            ),
            (r"\b(?:no|not|n't|without)\b.{0,24}\b(?:restart)", r"htpasswd|\bpassword file"),
        ),
        unless=r"\bpostgres|\bsingle[- ]file|\bsingle file|\binode|\bmounted by itself",
    ),
    Claim(
        "verify-command",
        "`htpasswd -Bvb USER PASSWORD` verifies an entry.",
        "wrong",
        "The name of the file is missing: exit code 2 whatever the password is. It is `htpasswd -vb FILE USER PASSWORD`.",
        "verify-command",
        "Apache htpasswd 2.4: exit 2; with the file 0 when it matches, 3 when not.",
    ),
    Claim(
        "storage-root",
        "The images are safe, since there is a volume.",
        "wrong",
        "The root folder lies under no volume, so every image is lost when the container is re-created. Drop the setting, or mount "
        "the volume there.",
        "storage",
        f"Pushed, re-created, the list is empty; {_BOTH}.",
    ),
    Claim(
        "cors-container",
        "The registry must allow the UI's container, http://registry-ui:80.",
        "wrong",
        "No browser has that origin: it is the address in its bar, with published name and port, and never :80 for http or :443 "
        "for https. Where the UI's own nginx passes /v2 on, CORS is not used at all.",
        "cors-idle",
        "Chromium; the registry UI 2.6.0 as proxy with and without the header.",
    ),
)
"""The last three are found by what a line does (see `settings`), not by how it is worded."""

BY_ID = {claim.id: claim for claim in CLAIMS}
