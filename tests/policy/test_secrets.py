"""Tests of secret detection. The keys are invented and have the shape of real ones."""

import random
import re
import string
import sysconfig
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.policy.secrets.assignments import assigned_values
from server.policy.secrets.redact import MOST_CHARACTERS, is_absent, needed_by, patterns, redact

ALPHABET = string.ascii_letters + string.digits


def drawn(length: int, alphabet: str = ALPHABET, seed: int = 7) -> str:
    return "".join(random.Random(seed).choices(alphabet, k=length))


def split(*parts: str) -> str:
    """Join parts of a fake key, so that other scanners do not report this file."""
    return "".join(parts)


KEY_BODY = "\n".join(drawn(64, ALPHABET + "+/", seed) for seed in range(12))
SECRETS = [
    ("AWS Access Key", split("AKIA", drawn(16, string.ascii_uppercase + string.digits))),
    ("GitHub Token", split("ghp_", drawn(36))),
    ("GitHub Token", split("github_pat_", drawn(60))),
    ("GitLab Token", split("glpat-", drawn(20))),
    ("Slack Token", split("xoxb-", "123456789012-123456789012-", drawn(24))),
    ("Slack Token", split("https://hooks.slack.com/services/", "T0AAAAAAA/B0AAAAAAA/", drawn(24))),
    ("Stripe Access Key", split("sk_live_", drawn(24))),
    ("OpenAI Token", split("sk-proj-", drawn(48))),
    ("Anthropic API Key", split("sk-ant-", "api03-", drawn(90))),
    ("Google API Key", split("AIza", drawn(35))),
    ("Hugging Face Token", split("hf_", drawn(34))),
    ("NPM Token", split("npm_", drawn(36))),
    ("SendGrid API Key", split("SG.", drawn(22), ".", drawn(43))),
    ("Telegram Bot Token", split("123456789:", drawn(35))),
    ("PyPI Token", split("pypi-AgEIcHlwaS5vcmc", drawn(80))),
    ("DigitalOcean Token", split("dop_v1_", drawn(64, "0123456789abcdef"))),
    ("Azure Storage Account access key", split("AccountKey=", drawn(86), "==")),
    ("JSON Web Token", split("eyJhbGciOiJIUzI1NiJ9.", "eyJzdWIiOiIxMjM0NTY3ODkwIn0.", drawn(43))),
    ("private key", f"-----BEGIN RSA PRIVATE KEY-----\n{KEY_BODY}\n-----END RSA PRIVATE KEY-----"),
    ("private key", f"-----BEGIN OPENSSH PRIVATE KEY-----\n{KEY_BODY}\n-----END OPENSSH PRIVATE KEY-----"),
]
ASSIGNED = [
    ("password = '{}'", "Xk9fT3bL82mQ7v"),
    ("DB_PASSWORD={}", "Xk9fT3bL82mQ7vZ4"),
    ('"api_key": "{}"', drawn(32, "0123456789abcdef")),
    ("api-key: {}", drawn(40)),
    ("export SECRET_KEY={}", drawn(50)),
    ('client_secret := "{}"', drawn(40)),
    ("Authorization: Bearer {}", drawn(40)),
    ("postgresql://app:{}@db.internal/prod", "hT7kQ2xz9"),
    ('{{"private_key_token" => "{}"}}', drawn(24)),
]
OF_SETTINGS = [
    ("DB_PASSWORD={}", "hunter2"),
    ("MYSQL_ROOT_PASSWORD={}", "letmein12345"),
    ("export PGPASSWORD='{}'", "letmein"),
    ('  - REDIS_PASS="{}"', "blue42horse"),
    ("The file says `DB_PASSWORD={}`, which", "letmein"),
    ("docker run -e APP_SECRET={} image", "correct-horse"),
    ("ENV API_TOKEN={}", "abc-def-ghi"),
    ("SECRET_KEY_PROD={}", "django-insecure"),
    ("ENCRYPTION_KEY={}", "s3cr3tvalue"),
    ("password = {}", "hunter2"),
    ("password={}", "letmein!"),
    ("spring.datasource.password={}", "letmein1"),
    ("  db_password: {}", "hunter2"),
    ("- secret: '{}'  # of the app", "hunter2"),
    ('"password": "{}"', "hunter2"),
    ("{{'client_secret': '{}', 'a': 1}}", "hunter2"),
    ('api_key = "{}"', "abc123"),
]
ORDINARY = [
    "password = input('Password: ')",
    "password: str = field(default='')",
    'token = os.environ["GITHUB_TOKEN"]',
    "api_key = settings.openai_api_key",
    "PASSWORD_HASHERS = ['django.contrib.auth.hashers.PBKDF2PasswordHasher']",
    "next_token = tokenizer.decode(ids[-1])",
    "max_tokens: 4096, token_count=128000",
    "password = 'changeme'",
    "api_key = 'YOUR_API_KEY_1234567890'",
    "secret = '<your-secret-here-123>'",
    "token: ${{ secrets.GITHUB_TOKEN }}",
    "sha256 = 1d96146346d2df7a6a3b5d8f1c1b9c1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f6a7b",
    '"integrity": "sha512-V5r2c8uGpuPNcQ0hPGT1xVvLmXqZt0pKx0Q8rT1mYV9kX7nJr4S2bW6dF3gH5jK8lM0nP=="',
    "commit 938b86da0382dd3ef52c225efcdc901b144ede7cd6",
    "id: 550e8400-e29b-41d4-a716-446655440000",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
    "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE",
    "postgresql://user:password@localhost/test",
    "https://example.com/path?page=2#section-3",
    '_START = b"-----BEGIN OPENSSH PRIVATE KEY-----"\n_END = b"-----END OPENSSH PRIVATE KEY-----"\nx = 1',
    "def test_token_expires_after_3600_seconds(self):",
    "access_key_pattern = re.compile(r'[A-Z0-9]{20}')",
    "version = '2.31.0.dev20240115+cpu'",
    "passwordResetTokenExpirationInMinutes: 30",
    "sorted(rows, key=lambda row: row.name)",
    "token = parse()",
    "    token = tokens[-1]",
    "KEY=VALUE",
    "PRIMARY_KEY=user_id",
    "MAX_TOKEN=128000",
    "TOKEN_URL=https://auth.internal/token2",
    "SSH_KEY=~/.ssh/id_ed25519",
    "DB_PASSWORD=$1",
    "DB_PASSWORD=${POSTGRES_PASSWORD}",
    'DB_PASSWORD="$(pass show db)"',
    "DB_PASSWORD=",
    "DB_PASSWORD=changeme",
    "API_KEY=your-key-here",
    "SECRET_KEY=<secret>",
    "password: string",
    "token: float32",
    "    password=password1,",
    "password = settings.PASSWORD_2",
    'password = f"{user}1"',
    '"password": "Kennwort"',
    '"token": "string?"',
    "secret: my-app-secret",
    "key: a1b2c3d4",
    "if token == last2:",
    "token = options2?.token",
]


@pytest.mark.fast
@pytest.mark.parametrize(("kind", "secret"), SECRETS)
def test_tokens_of_known_shape_are_replaced(kind: str, secret: str) -> None:
    found = redact(f"before {secret}\nafter")
    assert secret not in found.text
    assert found.text.startswith("before ")
    assert found.text.endswith("after")
    assert found.count >= 1
    assert kind in found.found


@pytest.mark.fast
@pytest.mark.parametrize(("line", "value"), ASSIGNED)
def test_values_of_secret_names_are_replaced(line: str, value: str) -> None:
    found = redact(line.format(value))
    assert value not in found.text
    assert found.count == 1


@pytest.mark.fast
@pytest.mark.parametrize(("line", "value"), OF_SETTINGS)
def test_short_values_of_settings_are_replaced(line: str, value: str) -> None:
    text = f"before\n{line.format(value)}\nafter"
    assert redact(text).text == text.replace(value, "[removed: password or token]")


@pytest.mark.fast
@pytest.mark.parametrize("line", ORDINARY)
def test_ordinary_code_stays(line: str) -> None:
    assert redact(line).text == line


def test_the_apps_own_sources_stay() -> None:
    root = Path(__file__).parents[2]
    changed = [
        path.name
        for folder in ("server", "tray", "dashboard")
        for path in (root / folder).rglob("*.py")
        if redact(path.read_text(encoding="utf-8")).count
    ]
    assert changed == []


def test_third_party_code_stays() -> None:
    folder = Path(sysconfig.get_paths()["stdlib"])
    found = {
        (path.name, text[start:end])
        for path in (*folder.glob("*.py"), *folder.glob("http/*.py"), *folder.glob("email/*.py"))
        for text in [path.read_text(encoding="utf-8", errors="replace")]
        for start, end in assigned_values(text)
    }
    assert found == set()


def test_a_truncated_key_is_replaced() -> None:
    found = redact(f"before -----BEGIN PRIVATE KEY-----\n{KEY_BODY}")
    assert found.text == "before [removed: private key]"


def test_several_secrets_on_one_line_and_known_values() -> None:
    github, own = SECRETS[1][1], "this-is-our-own-token"
    found = redact(f"{github} and {github}, {own}", known=[own])
    assert found.text == "[removed: GitHub Token] and [removed: GitHub Token], [removed: token of this app]"
    assert found.found == {"GitHub Token": 2, "token of this app": 1}


def test_thousands_of_secrets_are_each_replaced_once() -> None:
    lines = MOST_CHARACTERS // 20
    found = redact("DB_PASSWORD=hunter2\n" * lines)  # comparing each with all earlier ones would take minutes
    assert "hunter2" not in found.text
    assert found.count == lines


def test_text_beyond_the_search_limit_is_left_out() -> None:
    found = redact("a " * (MOST_CHARACTERS // 2) + SECRETS[1][1])
    assert SECRETS[1][1] not in found.text
    assert "40 more characters" in found.text


@settings(max_examples=300, deadline=None, database=None)
@given(data=st.data())
def test_every_match_contains_the_needed_text(data: st.DataObject) -> None:
    _kind, pattern, needed = data.draw(st.sampled_from(patterns()))
    assert needed in data.draw(st.from_regex(pattern))


@settings(max_examples=200, deadline=None, database=None)
@given(data=st.data())
def test_a_match_is_never_absent(data: st.DataObject) -> None:
    _kind, pattern, _needed = data.draw(st.sampled_from(patterns()))
    text = data.draw(st.from_regex(pattern, alphabet=st.characters(codec="ascii")))
    assert not is_absent(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "needed"),
    [
        ("abc", "abc"), ("ab+c", "ab"), ("abc?de", "ab"), ("ab*", "a"), ("a{0,2}b", "b"), ("a|b", ""),
        ("x(?:a|b)yz", "yz"), (r"\bab\b", "ab"), (r"\b(?:ab\.c)\b", "ab.c"), (r"\b(?:a|b)\b", ""),
        (r"\b(?:abc)|(d)\b", ""), ("[abc]]", ""), ("[]abc]d", "d"), (r"\d\w", ""), ("(?i:abc)", ""),
        ("(?i)abc", ""), (r"a\|bc", "a|bc"), ("ab(?!cde)", "ab"), ("(a(b)c)?d", "d"), ("a??bc", "bc"),
    ],
)  # fmt: skip
def test_needed_text_of_a_pattern(pattern: str, needed: str) -> None:
    assert needed_by(re.compile(pattern)) == needed


def test_most_patterns_are_skipped() -> None:
    assert sum(bool(needed) for _, _, needed in patterns()) > 25
