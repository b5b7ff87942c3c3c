"""Secrets in places made for them: URLs, headers, files of logins, commands."""

import base64
import binascii

from diffscribe.secrets.formats import BASE64, TokenFormat
from diffscribe.secrets.randomness import is_login_password, is_password, is_random

DATABASES = (
    r"(?:postgres(?:ql)?|postgis|mysql2?|mariadb|mongodb|rediss?|valkeys?|amqps?|mssql"
    r"|sqlserver|oracle|db2|cockroachdb|clickhouse|couchdb|couchbase|cassandra|scylla"
    r"|neo4j|bolt|ldaps?|nats|mqtts?|kafka|snowflake|redshift|trino|vertica|influxdb"
    r"|smtps?|imaps?)"
)
USER = r"[^\s:/@\"'<>\x60]"
LOGIN = r"([^\s/\"'<>\x60{}]{4,})@[\w\[*{$.-]"
"""The password of a URL and the host's first character."""
ADO_KEYS = (
    "(?:server|data source|host|hostname|user id|uid|user|username|database"
    "|initial catalog)"
)


def is_basic_auth(value: str) -> bool:
    """Tell whether this is base64 of a name, a colon and a password."""
    try:
        text = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, ValueError):
        return False
    name, _, password = text.partition(":")
    return bool(name) and text.isprintable() and is_login_password(password)


CONTEXT_FORMATS = (
    TokenFormat(
        "connection_string",
        rf"(?i)\b{DATABASES}(?:\+\w+)?://{USER}*:{LOGIN}",
        "RFC 3986 userinfo in the URL of a database, broker, directory or mail server",
        is_login_password,
    ),
    TokenFormat(
        "basic_auth_url",
        rf"(?i)\b[a-z][a-z0-9+.-]*://{USER}+:{LOGIN}",
        "RFC 3986 userinfo: name and password before the host",
        is_login_password,
    ),
    TokenFormat(
        "connection_string",
        rf"(?i)\b{ADO_KEYS}[ \t]*=[^\n\"]*?;[ \t]*(?:password|pwd)[ \t]*="
        r"[ \t]*([^;\"'\s<>{}]{6,})",
        "ADO.NET and ODBC: Server=...;User Id=...;Password=...",
        is_login_password,
    ),
    TokenFormat(
        "basic_auth_header",
        rf"(?i)\bbasic[ \t]+({BASE64}{{8,}}={{0,2}})",
        "RFC 7617: base64 of name:password",
        is_basic_auth,
    ),
    TokenFormat(
        "bearer_token",
        r"(?i)\b(?:bearer|authorization[\"']?[ \t]*[:=,][ \t]*[\"']?(?:token|api-?key))"
        r"[ \t]+([\w.~+/-]{16,}=*)",
        "RFC 6750: Authorization: Bearer, then the token",
        is_random,
    ),
    TokenFormat(
        "docker_auth",
        rf"\"auth\"[ \t]*:[ \t]*\"({BASE64}{{8,}}={{0,2}})\"",
        "config.json of Docker: base64 of name:password",
        is_basic_auth,
    ),
    TokenFormat(
        "npmrc_auth",
        r"(?im)(?:^|:|[ \t])_(?:auth|authtoken|password)[ \t]*=[ \t]*[\"']?"
        r"([^\s\"'$<>{}]{8,})",
        "npmrc: _authToken, _auth and _password of a registry",
    ),
    TokenFormat(
        "netrc_password",
        r"(?i)\bmachine\s+\S+\s+login\s+\S+\s+password\s+([^\s<>$]{4,})",
        "netrc: machine, login, password",
        is_login_password,
    ),
    TokenFormat(
        "pgpass_password",
        r"(?m)(?:^|[ \t])[\w.*-]+:(?:[0-9]{4,5}|\*):[\w*-]+:[\w*-]+:"
        r"([^\s:<>$]{6,})[ \t\r]*$",
        "pgpass: host:port:database:user:password",
        is_password,
    ),
    TokenFormat(
        "curl_user",
        r"(?i)\bcurl\b[^\n]*?[ \t](?:-u|--user)[ =]?[\"']?[^\s:\"']+:([^\s\"'<>]{4,})",
        "curl -u name:password",
        is_login_password,
    ),
    TokenFormat(
        "command_password",
        r"(?i)(?:\bsshpass[ \t]+-p[ \t]*|\bPGPASSWORD=|\bMYSQL_PWD="
        r"|\b(?:mysql|mysqldump|mysqladmin|mariadb)\b[^\n]*?[ \t](?:-p|--password=)"
        r"|\bredis-cli\b[^\n]*?[ \t]-a[ \t]+|\bdocker[ \t]+login\b[^\n]*?[ \t]-p[ \t]+)"
        r"[\"']?([^\s\"'<>]{6,})",
        "programs that take a password as an argument",
        is_login_password,
    ),
)
