"""Secrets that show what they are: tokens with a vendor's prefix or shape.

Each fact is what the vendor documents or its tokens show to everyone; lengths that
vendors keep open are lower bounds here. Patterns are RE2's, so none can backtrack.
"""

from collections.abc import Callable
from typing import NamedTuple

from diffscribe.secrets.randomness import is_filled_in


class TokenFormat(NamedTuple):
    """One kind of secret."""

    name: str
    pattern: str
    """Its group is the secret; without one, the whole match is."""
    fact: str
    """The public fact the pattern rests on."""
    is_real: Callable[[str], bool] = is_filled_in
    """Whether a match is a secret, not an example or a variable's name."""
    kind: str = "secret"

    def placeholder(self, number: int) -> str:
        """Return what stands for the row's secret of that number."""
        return f"<{self.kind}:{self.name}:{number}>"


HEX = "[0-9a-f]"
UUID = f"{HEX}{{8}}-{HEX}{{4}}-{HEX}{{4}}-{HEX}{{4}}-{HEX}{{12}}"
WORD = r"[\w-]"
ALNUM = "[0-9A-Za-z]"
BASE64 = "[0-9A-Za-z+/]"


CLOUDS = (
    TokenFormat(
        "aws_access_key_id",
        r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b",
        "IAM unique identifiers: a 4-letter prefix, then 16 of base32",
    ),
    TokenFormat(
        "aws_bedrock_api_key",
        rf"\b(?:ABSK{BASE64}{{100,}}={{0,2}}|bedrock-api-key-{BASE64}{{40,}}={{0,2}})",
        "long-term keys begin with ABSK, short-term ones with bedrock-api-key-",
    ),
    TokenFormat(
        "google_api_key",
        rf"\bAIza{WORD}{{35}}",
        "39 characters that begin with AIza",
    ),
    TokenFormat(
        "google_oauth_client_secret",
        rf"\bGOCSPX-{WORD}{{28}}",
        "prefix GOCSPX-, then 28 of base64url",
    ),
    TokenFormat(
        "google_oauth_token",
        rf"\b(?:ya29\.{WORD}{{20,}}|1//0{WORD}{{40,}})",
        "access tokens begin with ya29., refresh tokens with 1//0",
    ),
    TokenFormat(
        "azure_storage_key",
        rf"(?i)\bAccountKey=({BASE64}{{86}}==)",
        "connection strings carry 64 bytes of base64 as AccountKey",
    ),
    TokenFormat(
        "azure_shared_access_key",
        rf"(?i)\bSharedAccessKey=({BASE64}{{43}}=)",
        "Service Bus and Event Hubs: 32 bytes of base64 as SharedAccessKey",
    ),
    TokenFormat(
        "azure_sas_signature",
        r"[?&;]sig=([0-9A-Za-z+/%]{43,80}(?:%3[Dd]|=))",
        "a SAS URL is signed by sig, an HMAC-SHA256 in URL-encoded base64",
    ),
    TokenFormat(
        "azure_client_secret",
        r"(?:^|[^\w.~-])([\w.~-]{3}[0-9]Q~[\w.~-]{31,34})",
        "Entra ID secrets: 3 characters, a digit, Q~, then 31 to 34",
    ),
    TokenFormat(
        "azure_devops_token",
        rf"\b{ALNUM}{{76}}AZDO{ALNUM}{{4}}\b",
        "84 characters with the signature AZDO at position 76",
    ),
    TokenFormat(
        "digitalocean_token",
        rf"\bdo[opr]_v1_{HEX}{{64}}\b",
        "prefixes dop_v1_, doo_v1_, dor_v1_, then 64 hex digits",
    ),
    TokenFormat(
        "alibaba_access_key_id",
        rf"\bLTAI{ALNUM}{{12,20}}\b",
        "access key ids begin with LTAI, 16 to 24 characters",
    ),
    TokenFormat(
        "tencent_secret_id",
        rf"\bAKID{ALNUM}{{32}}\b",
        "SecretIds are 36 characters that begin with AKID",
    ),
    TokenFormat(
        "yandex_api_key",
        rf"\b(?:AQVN{WORD}{{35,38}}|t1\.{WORD}+={{0,2}}\.{WORD}{{86}}={{0,2}})",
        "API keys begin with AQVN, IAM tokens are t1.payload.signature",
    ),
    TokenFormat(
        "cloudflare_origin_ca_key",
        rf"\bv1\.0-{HEX}{{24}}-{HEX}{{146}}\b",
        "v1.0-, 24 hex digits, 146 hex digits",
    ),
    TokenFormat(
        "heroku_token",
        rf"\bHRKU-AA{WORD}{{58}}",
        "authorizations begin with HRKU- since 2024",
    ),
    TokenFormat(
        "fly_token",
        rf"\b(?:fo1_{WORD}{{43}}|fm[12][ar]?_{BASE64}{{100,}}={{0,2}})",
        "macaroons begin with fm1r_, fm1a_ or fm2_, older tokens with fo1_",
    ),
    TokenFormat(
        "netlify_token", rf"\bnf[pcoub]_{ALNUM}{{36}}\b", "nfp_ and 36 characters"
    ),
    TokenFormat(
        "supabase_token",
        rf"\b(?:sbp_{HEX}{{40}}\b|sb_secret_{WORD}{{22,}})",
        "access tokens are sbp_ and 40 hex digits, secret keys begin sb_secret_",
    ),
    TokenFormat(
        "planetscale_secret",
        r"\bpscale_(?:tkn|oauth|pw)_[\w.=-]{32,64}",
        "prefixes pscale_tkn_, pscale_oauth_, pscale_pw_",
    ),
    TokenFormat(
        "vault_token",
        rf"\bhv[sbr]\.{WORD}{{24,}}",
        "Vault 1.10 on: hvs., hvb. and hvr. for service, batch, recovery",
    ),
    TokenFormat(
        "terraform_token",
        rf"\b{ALNUM}{{14}}\.atlasv1\.{WORD}{{60,}}",
        "HCP Terraform: 14 characters, .atlasv1., then 60 or more",
    ),
    TokenFormat("pulumi_token", rf"\bpul-{HEX}{{40}}\b", "pul- and 40 hex digits"),
    TokenFormat(
        "doppler_token",
        rf"\bdp\.(?:pt|ct|sa|scim|audit|st(?:\.[\w-]{{2,35}})?)\.{ALNUM}{{40,44}}\b",
        "dp., the kind of token, then 40 to 44 characters",
    ),
    TokenFormat(
        "databricks_token",
        rf"\bdapi{HEX}{{32}}(?:-[0-9])?\b",
        "dapi and 32 hex digits, sometimes a dash and a digit",
    ),
    TokenFormat(
        "tailscale_key",
        rf"\btskey-[a-z]+-{ALNUM}{{8,}}-{ALNUM}{{16,}}\b",
        "tskey-, the kind of key, its id, its secret",
    ),
    TokenFormat(
        "onepassword_token",
        rf"\bops_eyJ{BASE64}{{100,}}={{0,2}}",
        "service account tokens: ops_ and base64 of a JSON object",
    ),
    TokenFormat(
        "age_secret_key",
        r"\bAGE-SECRET-KEY-1[AC-HJ-NP-Z02-9]{58}\b",
        "age: Bech32 with the prefix AGE-SECRET-KEY-",
    ),
)

FORGES = (
    TokenFormat(
        "github_token",
        rf"\bgh[pousr]_{ALNUM}{{36,}}\b",
        "ghp_, gho_, ghu_, ghs_, ghr_; 30 random of base62 and a CRC of 6",
    ),
    TokenFormat(
        "github_fine_grained_token",
        rf"\bgithub_pat_{ALNUM}{{22}}_{ALNUM}{{59}}\b",
        "github_pat_, 22 characters, an underscore, 59 characters",
    ),
    TokenFormat(
        "gitlab_token",
        r"\bgl(?:pat|dt|rt|rtr|ptt|cbt|ft|imt|agent|oas|soat|ffct|wt)-[\w.-]{20,}",
        "token overview: glpat-, gldt-, glrt-, glptt-, ..., then 20 or more",
    ),
    TokenFormat(
        "gitlab_runner_registration_token",
        rf"\bGR1348941{WORD}{{20}}",
        "registration tokens begin with GR1348941",
    ),
    TokenFormat(
        "atlassian_token",
        r"\b(?:ATATT3|ATCTT3|ATBB|ATSTT3)[\w=-]{28,}",
        "ATATT3 (account), ATCTT3 (Bitbucket repository), ATBB (app password)",
    ),
    TokenFormat(
        "sourcegraph_token",
        rf"\bsgp_(?:(?:{HEX}{{16}}|local)_)?{HEX}{{40}}\b",
        "Sourcegraph secret formats: sgp_, an instance, 40 hex digits",
    ),
    TokenFormat(
        "npm_token", rf"\bnpm_{ALNUM}{{36}}\b", "npm_, 30 random of base62, a CRC of 6"
    ),
    TokenFormat(
        "pypi_token",
        rf"\bpypi-AgE(?:IcHlwaS5vcmc|NdGVzdC5weXBpLm9yZw){WORD}{{50,}}",
        "a macaroon whose location is the index or its test twin, in base64url",
    ),
    TokenFormat(
        "rubygems_key", rf"\brubygems_{HEX}{{48}}\b", "rubygems_ and 48 hex digits"
    ),
    TokenFormat("crates_token", rf"\bcio{ALNUM}{{32}}\b", "cio and 32 characters"),
    TokenFormat(
        "nuget_key", r"\boy2[a-z0-9]{43}\b", "oy2 and 43 of base32, lower case"
    ),
    TokenFormat(
        "clojars_token", r"\bCLOJARS_[a-z0-9]{60}\b", "CLOJARS_ and 60 characters"
    ),
    TokenFormat(
        "packagist_token",
        rf"\bpackagist_(?:[ou][ru]t|uut|acs)_{HEX}{{40,}}\b",
        "packagist_, the kind of token, 68 hex digits",
    ),
    TokenFormat(
        "artifactory_key",
        rf"\b(?:AKCp{ALNUM}{{69}}|cmVmdGtuO{ALNUM}{{50,56}})\b",
        "API keys begin with AKCp, reference tokens are base64 of reftkn:",
    ),
    TokenFormat(
        "docker_token",
        rf"\bdckr_(?:pat|oat)_{WORD}{{27,}}",
        "personal and organization access tokens: dckr_pat_, dckr_oat_",
    ),
    TokenFormat(
        "circleci_token",
        rf"\bCCI(?:PAT|PRJ)_{ALNUM}{{22}}_{HEX}{{40}}\b",
        "CCIPAT_ or CCIPRJ_, 22 of base58, 40 hex digits",
    ),
    TokenFormat(
        "buildkite_token",
        rf"\bbk(?:ua|aj|ar|ct)_{ALNUM}{{40,}}\b",
        "bkua_ for user access, then 40 characters",
    ),
    TokenFormat(
        "sonar_token",
        rf"\bsq[upa]_{HEX}{{40}}\b",
        "squ_, sqp_, sqa_ for user, project, global analysis; 40 hex digits",
    ),
    TokenFormat(
        "octopus_key", r"\bAPI-[A-Z0-9]{26}\b", "API- and 26 upper-case characters"
    ),
    TokenFormat(
        "harness_token",
        rf"\b(?:pat|sat)\.{WORD}{{22}}\.{HEX}{{24}}\.{ALNUM}{{20}}\b",
        "pat or sat, account, id of 24 hex digits, secret of 20",
    ),
    TokenFormat(
        "prefect_key", rf"\bpn[ub]_{ALNUM}{{36}}\b", "pnu_ or pnb_ and 36 characters"
    ),
)

CHAT = (
    TokenFormat(
        "slack_token",
        r"\b(?:xox[abeoprs](?:\.xox[bp])?-[0-9A-Za-z-]{20,}|xapp-[0-9]-[0-9A-Za-z-]{20,})",
        "xoxb-, xoxp-, xoxa-, xoxe., xapp-: bot, user, workspace, app level",
    ),
    TokenFormat(
        "slack_webhook",
        r"hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/([0-9A-Za-z/]{30,})",
        "whoever knows the path of an incoming webhook can post",
    ),
    TokenFormat(
        "discord_token",
        rf"\b[MNO][0-9A-Za-z_-]{{22,27}}\.{WORD}{{6}}\.{WORD}{{27,40}}",
        "user id in base64, timestamp, HMAC; an id's base64 begins with M, N or O",
    ),
    TokenFormat(
        "discord_webhook",
        rf"discord(?:app)?\.com/api/(?:v[0-9]+/)?webhooks/([0-9]{{15,20}}/{WORD}{{60,}})",
        "whoever knows id and token can post",
    ),
    TokenFormat(
        "telegram_bot_token",
        rf"\b[0-9]{{8,11}}:AA{WORD}{{32,33}}",
        "the bot's id, a colon, 35 characters that begin with AA",
    ),
    TokenFormat(
        "teams_webhook",
        rf"(?:webhook\.office\.com/webhookb2|outlook\.office\.com/webhook)/({UUID}@{UUID}/IncomingWebhook/{HEX}{{32}}/{UUID}[\w/-]*)",
        "the path of a connector's URL is its secret",
    ),
    TokenFormat(
        "sendgrid_key",
        rf"\bSG\.{WORD}{{22}}\.{WORD}{{43}}",
        "SG., an id of 22, a secret of 43 in base64url",
    ),
    TokenFormat(
        "mailgun_key", rf"\bkey-{HEX}{{32}}\b", "private keys: key-, 32 hex digits"
    ),
    TokenFormat(
        "mailchimp_key",
        rf"\b{HEX}{{32}}-us[0-9]{{1,2}}\b",
        "32 hex digits and the data centre",
    ),
    TokenFormat(
        "brevo_key",
        rf"\bxkeysib-{HEX}{{64}}-{ALNUM}{{16}}\b",
        "xkeysib-, 64 hex digits, 16 characters",
    ),
    TokenFormat(
        "resend_key",
        rf"\bre_{ALNUM}{{8}}_{ALNUM}{{24}}\b",
        "re_, 8 characters, 24 characters",
    ),
    TokenFormat("twilio_api_key", rf"\bSK{HEX}{{32}}\b", "a SID: SK and 32 hex digits"),
    TokenFormat(
        "facebook_token",
        rf"\bEAA[A-Z]{ALNUM}{{60,}}\b",
        "Graph API access tokens begin with EAA",
    ),
    TokenFormat(
        "dropbox_token",
        rf"\bsl\.(?:u\.)?{WORD}{{130,}}",
        "short-lived tokens begin with sl.",
    ),
)

PAYMENT = (
    TokenFormat(
        "stripe_key",
        rf"\b[sr]k_(?:live|test|prod)_{ALNUM}{{16,}}\b",
        "sk_ secret, rk_ restricted; live or test; pk_ is public",
    ),
    TokenFormat(
        "stripe_webhook_secret",
        rf"\bwhsec_{BASE64}{{32,}}={{0,2}}",
        "signing secrets of endpoints begin with whsec_",
    ),
    TokenFormat(
        "square_token",
        rf"\b(?:sq0(?:atp|csp)-{WORD}{{22,}}|EAAA[a-zE]{WORD}{{58,60}})",
        "sq0atp- access, sq0csp- application secret, EAAA personal",
    ),
    TokenFormat(
        "shopify_token",
        rf"\bshp(?:at|ca|pa|ss|ua|tka)_{HEX}{{32}}\b",
        "shpat_, shpca_, shppa_ tokens and shpss_ shared secret; 32 hex digits",
    ),
    TokenFormat(
        "braintree_token",
        rf"\baccess_token\$(?:production|sandbox)\$[0-9a-z]{{16}}\${HEX}{{32}}\b",
        "access_token$, environment, merchant of 16, 32 hex digits",
    ),
    TokenFormat(
        "razorpay_key_id", rf"\brzp_(?:live|test)_{ALNUM}{{14}}\b", "14 characters"
    ),
    TokenFormat(
        "flutterwave_key",
        rf"\bFLWSECK(?:_TEST)?-{HEX}{{12,32}}(?:-X)?\b",
        "FLWSECK- secret, FLWPUBK- is public",
    ),
    TokenFormat(
        "plaid_token",
        rf"\baccess-(?:sandbox|development|production)-{UUID}\b",
        "access-, environment, a UUID",
    ),
    TokenFormat(
        "shippo_token", rf"\bshippo_(?:live|test)_{HEX}{{40}}\b", "40 hex digits"
    ),
    TokenFormat(
        "easypost_key", rf"\bEZ[AT]K{ALNUM}{{54}}\b", "EZAK live, EZTK test; 54"
    ),
    TokenFormat(
        "duffel_token", rf"\bduffel_(?:live|test)_{WORD}{{43}}", "43 characters"
    ),
)

MODELS = (
    TokenFormat(
        "openai_key",
        rf"\bsk-(?:(?:proj|svcacct|admin|None)-)?{WORD}*T3BlbkFJ{WORD}{{20,}}",
        "base64 of OpenAI stands in the middle of every key",
    ),
    TokenFormat(
        "anthropic_key",
        rf"\bsk-ant-[a-z]+[0-9]{{2}}-{WORD}{{80,}}",
        "sk-ant-, kind and version, then 95 characters",
    ),
    TokenFormat("openrouter_key", rf"\bsk-or-v1-{HEX}{{64}}\b", "64 hex digits"),
    TokenFormat(
        "secret_key_token",
        rf"\bsk-(?:lf-{UUID}|{HEX}{{32}}|{ALNUM}{{48}})\b",
        "DeepSeek, Moonshot, Langfuse and others: sk- and 32, 48 or a UUID",
    ),
    TokenFormat(
        "huggingface_token",
        r"\b(?:hf|api_org)_[A-Za-z]{34}\b",
        "user tokens begin hf_, organization tokens api_org_; 34 letters",
    ),
    TokenFormat("groq_key", rf"\bgsk_{ALNUM}{{48,56}}\b", "gsk_ and 52 characters"),
    TokenFormat("replicate_token", rf"\br8_{ALNUM}{{37}}\b", "r8_ and 37 characters"),
    TokenFormat("xai_key", rf"\bxai-{ALNUM}{{70,}}\b", "xai- and 80 characters"),
    TokenFormat(
        "perplexity_key", rf"\bpplx-{ALNUM}{{40,}}\b", "pplx- and 48 characters"
    ),
    TokenFormat("nvidia_key", rf"\bnvapi-{WORD}{{60,}}", "nvapi- and 64 characters"),
    TokenFormat(
        "langsmith_key",
        rf"\bls(?:v2_(?:pt|sk)_{HEX}{{32}}_{HEX}{{10}}|__{HEX}{{32}})\b",
        "lsv2_pt_ personal, lsv2_sk_ service, 32 and 10 hex digits",
    ),
    TokenFormat(
        "pinecone_key",
        rf"\bpcsk_{ALNUM}{{5,6}}_{ALNUM}{{50,}}\b",
        "pcsk_, an id, a secret",
    ),
)

SERVICES = (
    TokenFormat(
        "grafana_token",
        rf"\b(?:glsa_{ALNUM}{{32}}_[0-9A-Fa-f]{{8}}\b|glc_{BASE64}{{32,}}={{0,2}}|eyJrIjoi{BASE64}{{60,}}={{0,2}})",
        "service accounts glsa_ with CRC, cloud glc_, older keys base64 of JSON",
    ),
    TokenFormat(
        "newrelic_key",
        r"\b(?:NRAK-[0-9A-Z]{27}|NR(?:II|IQ)-[\w-]{32}|NRAA-[0-9a-f]{27}|[0-9a-z]{36}NRAL)",
        "NRAK- user, NRAA- admin, NRII- insert, NRIQ- query, ...NRAL license",
    ),
    TokenFormat(
        "dynatrace_token",
        r"\bdt0[a-z][0-9]{2}\.[0-9A-Z]{24}\.[0-9A-Z]{64}\b",
        "dt0c01., an id of 24, a secret of 64 of base32",
    ),
    TokenFormat(
        "sentry_token",
        rf"\bsntry(?:u_{HEX}{{64}}\b|s_{BASE64}{{50,}}={{0,2}}_{BASE64}{{43}})",
        "sntryu_ of a user, sntrys_ of an organization",
    ),
    TokenFormat(
        "posthog_key", rf"\bphx_{WORD}{{43,}}", "phx_ personal; phc_ is public"
    ),
    TokenFormat(
        "launchdarkly_key",
        rf"\b(?:sdk|api)-{UUID}\b",
        "server-side SDK keys and API tokens: sdk- or api- and a UUID",
    ),
    TokenFormat(
        "notion_token",
        rf"\b(?:ntn_{ALNUM}{{46}}|secret_{ALNUM}{{43}})\b",
        "ntn_ and 46 since 2024, secret_ and 43 before",
    ),
    TokenFormat(
        "airtable_token",
        rf"\bpat{ALNUM}{{14}}\.{HEX}{{64}}\b",
        "pat and an id of 14, a dot, 64 hex digits",
    ),
    TokenFormat(
        "linear_key", rf"\blin_(?:api|oauth)_{ALNUM}{{40,}}\b", "lin_api_ and 40"
    ),
    TokenFormat("figma_token", rf"\bfig[dou]_{WORD}{{38,}}", "figd_ and 40 characters"),
    TokenFormat(
        "postman_key",
        rf"\bPMAK-{HEX}{{24}}-{HEX}{{34}}\b",
        "PMAK-, 24 hex digits, 34 hex digits",
    ),
    TokenFormat(
        "contentful_token", rf"\bCFPAT-{WORD}{{43}}", "CFPAT- and 43 characters"
    ),
    TokenFormat("typeform_token", r"\btfp_[\w.=-]{40,}", "tfp_ and 59 characters"),
    TokenFormat(
        "hubspot_token",
        rf"(?i)\bpat-(?:na|eu|ap)[0-9]-{UUID}\b",
        "private apps: pat-, region, a UUID",
    ),
    TokenFormat(
        "mapbox_secret_token",
        rf"\bsk\.eyJ{WORD}{{20,}}\.{WORD}{{20,}}",
        "sk. is secret, pk. is public; then payload and signature",
    ),
    TokenFormat("readme_key", r"\brdme_[0-9a-z]{60,}\b", "rdme_ and 70 characters"),
    TokenFormat("maxmind_key", rf"\b{ALNUM}{{6}}_{ALNUM}{{29}}_mmk\b", "ends in _mmk"),
    TokenFormat(
        "adobe_client_secret", rf"\bp8e-{WORD}{{32}}", "p8e- and 32 characters"
    ),
    TokenFormat("frameio_token", rf"\bfio-u-{WORD}{{64}}", "fio-u- and 64 characters"),
    TokenFormat("clickhouse_key", rf"\b4b1d{ALNUM}{{38}}\b", "4b1d and 38 characters"),
    TokenFormat(
        "openshift_token",
        rf"\bsha256~{WORD}{{43}}",
        "OAuth tokens: sha256~ and 32 bytes in base64url",
    ),
    TokenFormat("adafruit_key", rf"\baio_{ALNUM}{{28}}\b", "aio_ and 28 characters"),
    TokenFormat("appsync_key", r"\bda2-[0-9a-z]{26}\b", "da2- and 26 characters"),
    TokenFormat(
        "jina_key", rf"\bjina_{HEX}{{32}}{WORD}{{28}}", "jina_, 32 hex digits, 28"
    ),
    TokenFormat("tavily_key", rf"\btvly-(?:[a-z]+-)?{ALNUM}{{32}}\b", "tvly- and 32"),
    TokenFormat("dependency_track_key", rf"\bodt_{WORD}{{32,}}", "odt_ and 32 or more"),
    TokenFormat(
        "twitch_stream_key",
        rf"\blive_[0-9]{{8,10}}_{ALNUM}{{30}}\b",
        "live_, the channel's id, 30 characters",
    ),
    TokenFormat(
        "salesforce_token",
        r"\b00D[0-9A-Za-z]{12,15}![0-9A-Za-z._]{80,}",
        "a session: the organization's id, !, the token",
    ),
    TokenFormat(
        "django_secret_key",
        r"django-insecure-[^\s\"']{40,}"
        r"|SECRET_KEY[ \t]*=[ \t]*['\"]([0-9a-z!@#$%^&*(\-_=+)]{50})['\"]",
        "startproject draws 50 of a-z0-9 and punctuation",
    ),
    TokenFormat(
        "password_hash",
        r"\$(?:1|2[abxy]|5|6|y|7|apr1|argon2(?:id|i|d)|pbkdf2-sha[0-9]+|scrypt)\$[0-9A-Za-z./$=,+-]{22,}",
        "crypt(5): a method between dollars, parameters, salt and hash",
    ),
    TokenFormat(
        "vault_unseal_key",
        r"(?i)\bunseal(?:[ _]key)?(?:[ _][0-9]+)?[ \t]*[:= ][ \t]*[\"']?"
        rf"({BASE64}{{43,44}}=?)(?:[^\w+/=]|$)",
        "a share of 33 bytes, or a key of 32, in base64",
    ),
    TokenFormat(
        "jwt",
        rf"\beyJ{WORD}{{10,}}\.eyJ{WORD}{{10,}}\.{WORD}{{10,}}",
        "RFC 7519: header and claims are base64url of JSON, then a signature",
    ),
)

VENDOR_FORMATS = (*CLOUDS, *FORGES, *CHAT, *PAYMENT, *MODELS, *SERVICES)
