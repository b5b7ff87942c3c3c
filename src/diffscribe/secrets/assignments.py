"""Secrets that only the name beside them gives away, in any language."""

from diffscribe.secrets.formats import BASE64, HEX, UUID, WORD, TokenFormat
from diffscribe.secrets.randomness import is_password, is_random

PASSWORDS = (
    r"(?:passw(?:or)?d|passwort|passphrase|passcode|pwd|(?:[_.-]|\b)pass"
    r"|(?:db|user|admin|smtp|mail)pass|identified[ \t]+by)"
)
SECRETS = (
    r"(?:secret|token|credentials?|authorization|cookie|sonar[_.-]?login"
    r"|(?:api|access|auth|account|master|private|signing|signature|encryption|license"
    r"|storage|shared|service|app|application|webhook|subscription|deploy|integration"
    r"|admin|hmac|aes|jwt|session)[_.-]?key)"
)
SUFFIX = (
    r"(?:[_.-]?(?:key|base|value|secret|token|string|str|text|plain|prod|production|dev"
    r"|development|stage|staging|test|live|sandbox|main|primary|secondary|old|new"
    r"|default|env|hex|b64|base64|[0-9]{1,3}))*"
)
"""What may follow such a word; `token_url` and `secret_name` hold no secret."""

OPERATOR = (
    r"(?:[ \t]*(?:=>|:=|\?\?=|\?=|\|\|=|={1,3}|!==?|::|:|,|->|\(|>)[ \t]*"
    r"|[ \t]*:[ \t]*[\w<>&'?*\[\]. |]{1,32}=[ \t]*|[ \t]+[\w*\[\]]{1,16}[ \t]*=[ \t]*"
    r"|[\"'][ \t]+value[ \t]*=[ \t]*|[ \t]+)"
)
"""Between a name and its value, with the types of TypeScript, Go, Rust and C."""
OPENING = r"(?:Some\(|String::from\(|new[ \t]+\w+\()?[@$&]?[bBfFrRuULl]{0,2}"
QUOTES = r"[\"'\x60\\]{0,3}"


def beside(name: str, value: str, end: str = r"\b") -> str:
    """Return a pattern for a value of known shape beside a name."""
    return rf"(?i){name}[\"'\])]{{0,3}}{OPERATOR}{OPENING}{QUOTES}({value}){end}"


def quoted(name: str) -> str:
    """Return a pattern for a literal assigned to a name, in code or JSON."""
    key = rf"(?i)[\w.-]*{name}{SUFFIX}\\?[\"'\x60\])]{{0,3}}(?:\[[0-9]{{0,4}}\])?"
    values = (
        r"\"?\\?\"([^\"\s\\]{6,})\\?\"",
        r"'([^'\s\\]{6,})'",
        r"\x60([^\x60\s\\]{6,})\x60",
    )
    return rf"{key}{OPERATOR}{OPENING}(?:{'|'.join(values)})"


def listed(name: str) -> str:
    """Return a pattern for a line of .env, YAML, INI, properties or a shell."""
    key = rf"(?im)\b[\w.-]*{name}{SUFFIX}[\"']?(?:[ \t]*=[ \t]*|[ \t]*:[ \t]+)"
    end = r"[\"']?[,;]?[ \t\r]*(?:[ \t]#.*)?$"
    return rf"{key}[\"']?([^\s\"'<>\x60]{{6,}}?){end}"


def inline(name: str) -> str:
    """Return a pattern for an option, a query, a header or an element of XML."""
    value = r"([^\s\"'<>\x60&;,\\(){}\[\]]{6,})(?:[\"'&;,\\\s]|$)"
    return (
        rf"(?i)\b[\w.-]*{name}{SUFFIX}(?:=|:[ \t]*|[ \t]+)[\"']?{value}"
        rf"|<(?:[\w:.-]*{name}{SUFFIX})>[ \t]*([^\s<>]{{6,}})[ \t]*</"
    )


def apart(name: str) -> str:
    """Return a pattern for a value on another line: Kubernetes, Terraform."""
    key = rf"[\w.-]*{name}{SUFFIX}"
    entry = rf"\bname:[ \t]*[\"']?{key}[\"']?[ \t]*\r?\n[ \t]*value:[ \t]*[\"']?"
    block = rf"\bvariable[ \t]+\"{key}\"[ \t]*\{{[^{{}}]*?\bdefault[ \t]*=[ \t]*\""
    return rf"(?i){entry}([^\s\"'<>]{{6,}})|{block}([^\"\s]{{6,}})\""


STYLES = (quoted, listed, inline, apart)

ASSIGNMENT_FORMATS = (
    TokenFormat(
        "aws_secret_access_key",
        beside(
            r"(?:aws|amazon|s3|secret_?access)[\w .-]{0,30}(?:key|secret)[\w.-]{0,16}",
            rf"{BASE64}{{40}}",
            r"(?:[^\w+/=]|$)",
        ),
        "40 characters of base64 beside a name such as aws_secret_access_key",
        is_random,
    ),
    TokenFormat(
        "aws_session_token",
        beside("session_?token", rf"{BASE64}{{100,}}={{0,2}}", ""),
        "temporary credentials come with a long token in base64",
    ),
    TokenFormat(
        "cloudflare_api_token",
        beside(
            r"(?:cloudflare|\bcf)[\w.-]*(?:token|key)",
            f"{HEX}{{37}}|{WORD}{{40}}",
            r"(?:[^\w-]|$)",
        ),
        "API tokens have 40 characters, global keys 37 hex digits",
        is_random,
    ),
    TokenFormat(
        "datadog_key",
        beside(r"(?:datadog|\bdd)[\w.-]*key", f"{HEX}{{40}}|{HEX}{{32}}"),
        "API keys have 32 hex digits, application keys 40",
        is_random,
    ),
    TokenFormat(
        "twilio_auth_token",
        beside(r"twilio[\w .-]*(?:token|secret)", f"{HEX}{{32}}"),
        "32 hex digits beside the account's SID",
        is_random,
    ),
    TokenFormat(
        "algolia_admin_key",
        beside(r"algolia[\w .-]*key", f"{HEX}{{32}}"),
        "admin API keys have 32 hex digits",
        is_random,
    ),
    TokenFormat(
        "heroku_api_key",
        beside(r"heroku[\w .-]*(?:key|token)", UUID),
        "older API keys are UUIDs",
    ),
    TokenFormat(
        "okta_token",
        beside(r"(?:okta[\w .-]*(?:token|key)|\bSSWS)", f"00{WORD}{{40}}", ""),
        "API tokens begin with 00, 42 characters; the scheme is SSWS",
    ),
    TokenFormat(
        "wireguard_private_key",
        beside(r"\b(?:private_?key|preshared_?key)", f"{BASE64}{{42}}[A-Za-z048]=", ""),
        "32 bytes in base64 after PrivateKey or PresharedKey",
    ),
    TokenFormat(
        "ethereum_private_key",
        beside(r"(?:priv(?:ate)?_?key|\bpk|deployer_key)", f"(?:0x)?{HEX}{{64}}"),
        "32 bytes in hex beside a name such as PRIVATE_KEY",
    ),
    *(
        TokenFormat(
            "password",
            style(PASSWORDS),
            "a literal beside a name that means password",
            is_password,
        )
        for style in STYLES
    ),
    *(
        TokenFormat(
            "generic_secret",
            style(SECRETS),
            "a random literal beside a name that means secret, token or key",
            is_random,
        )
        for style in STYLES
    ),
)
