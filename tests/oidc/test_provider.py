"""The OpenID provider, a real one on loopback: good answers are taken, spoiled ones refused."""

from __future__ import annotations

import gzip
import json
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest

from ca_service.authority.people.single_sign_on import Attempt
from ca_service.errors import ConfigurationError, NotAuthenticated, NotReady
from ca_service.oidc.provider import AT_ONCE, MAX_BYTES, Client, OpenIDProvider, require_extra
from tests.support.fakes import NOON, FixedClock
from tests.support.openid import (
    CLIENT_ID,
    CLIENT_SECRET,
    Provider,
    ec_key,
    rsa_key,
    serving_provider,
    signed_by,
    signed_with_hmac,
    unsigned,
)

BACK: Final = "https://ca.example.com/oidc/callback"
ATTEMPT: Final = Attempt("the state", "the nonce", "v" * 43, NOON)
AT: Final = int(NOON.timestamp())


@pytest.fixture
def theirs(clock: FixedClock) -> Iterator[Provider]:
    """The provider itself."""
    with serving_provider(clock, "/realms/lab") as provider:
        yield provider


@pytest.fixture
def ours(theirs: Provider, clock: FixedClock) -> OpenIDProvider:
    """Our client of the provider."""
    return OpenIDProvider(Client(theirs.issuer, CLIENT_ID, CLIENT_SECRET), clock)


def code_of(ours: OpenIDProvider, theirs: Provider, attempt: Attempt = ATTEMPT) -> str:
    """Return the code that the browser brings back."""
    back = theirs.sign_in(ours.begin(attempt, BACK))
    return parse_qs(urlsplit(back).query)["code"][0]


def finish(ours: OpenIDProvider, theirs: Provider) -> Any:
    return ours.finish(ATTEMPT, BACK, code_of(ours, theirs))


def test_a_good_answer_is_taken(ours: OpenIDProvider, theirs: Provider) -> None:
    claims = finish(ours, theirs)
    assert (claims["sub"], claims["groups"]) == ("248289761001", ["everybody", "voice"])


def test_the_browser_is_sent_with_everything_that_the_answer_has_to_fit(ours: OpenIDProvider, theirs: Provider) -> None:
    url = urlsplit(ours.begin(ATTEMPT, BACK))
    asked = {name: values[0] for name, values in parse_qs(url.query).items()}
    assert f"{url.scheme}://{url.netloc}{url.path}" == f"{theirs.issuer}/authorize"
    assert asked.pop("code_challenge") != ATTEMPT.verifier
    assert asked == {
        "client_id": CLIENT_ID,
        "response_type": "code",
        "redirect_uri": BACK,
        "scope": "openid profile email",
        "state": "the state",
        "nonce": "the nonce",
        "code_challenge_method": "S256",
    }
    assert CLIENT_SECRET not in url.query


def test_the_secret_goes_where_the_provider_wants_it(ours: OpenIDProvider, theirs: Provider) -> None:
    theirs.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    assert finish(ours, theirs)


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256"])
def test_each_usual_signature_is_taken(ours: OpenIDProvider, theirs: Provider, algorithm: str) -> None:
    theirs.sign = signed_by(ec_key() if algorithm == "ES256" else rsa_key(), algorithm)
    assert finish(ours, theirs)


def test_keys_that_are_for_something_else_are_passed_over(ours: OpenIDProvider, theirs: Provider) -> None:
    theirs.keys += [{"kty": "RSA", "use": "enc", "n": "?"}, {"kty": "from the future"}]
    assert finish(ours, theirs)


def test_a_new_key_counts_at_once(ours: OpenIDProvider, theirs: Provider) -> None:
    finish(ours, theirs)
    theirs.sign = signed_by(rsa_key("two"))
    theirs.keys = [rsa_key("two").as_dict(private=False)]
    assert finish(ours, theirs)


LIES: Final[dict[str, dict[str, Any]]] = {
    "another nonce": {"nonce": "another"},
    "no nonce": {"nonce": None},
    "an empty nonce": {"nonce": ""},
    "another audience": {"aud": "somebody else"},
    "an audience among which we are not": {"aud": ["a", "b"]},
    "several audiences without an authorized party": {"aud": [CLIENT_ID, "b"]},
    "several audiences, and another is meant": {"aud": [CLIENT_ID, "b"], "azp": "b"},
    "another party is meant": {"azp": "b"},
    "no audience": {"aud": None},
    "another issuer": {"iss": "https://evil.example"},
    "no issuer": {"iss": None},
    "no subject": {"sub": None},
    "a subject that is a number": {"sub": 5},
    "expired": {"exp": AT - 61},
    "no end": {"exp": None},
    "an end that never comes": {"exp": "never"},
    "made in the future": {"iat": AT + 3600},
    "not valid yet": {"nbf": AT + 3600},
    "of another access token": {"at_hash": "x" * 22},
}


@pytest.mark.parametrize("lie", LIES)
def test_an_id_token_that_lies_is_refused(ours: OpenIDProvider, theirs: Provider, lie: str) -> None:
    theirs.lies = LIES[lie]
    with pytest.raises(NotAuthenticated) as caught:
        finish(ours, theirs)
    assert caught.value.rule == "oidc.token"


def pem(key: Any) -> bytes:
    return bytes(key.as_pem(private=False))


SIGNERS: Final[dict[str, Callable[[], Any]]] = {
    "alg none": lambda: unsigned,
    "a key of another provider": lambda: signed_by(rsa_key("theirs"), kid="one"),
    "a key that is not published": lambda: signed_by(rsa_key("theirs")),
    "HS256 with our secret": lambda: signed_with_hmac(CLIENT_SECRET.encode()),
    "HS256 with the public key": lambda: signed_with_hmac(pem(rsa_key())),
    "HS256 with an empty key": lambda: signed_with_hmac(b""),
    "a signature cut off": lambda: lambda header, claims: signed_by(rsa_key())(header, claims).rpartition(".")[0] + ".",
    "no token at all": lambda: lambda _header, _claims: "",
    "something else": lambda: lambda _header, _claims: "a.b.c",
    "encrypted": lambda: lambda _header, _claims: "a.b.c.d.e",
}


@pytest.mark.parametrize("signer", SIGNERS)
def test_an_id_token_that_only_the_provider_could_not_have_signed_is_refused(
    ours: OpenIDProvider, theirs: Provider, signer: str
) -> None:
    theirs.sign = SIGNERS[signer]()
    with pytest.raises(NotAuthenticated) as caught:
        finish(ours, theirs)
    assert caught.value.rule == "oidc.token"


def test_a_code_is_good_once_and_for_its_own_verifier(ours: OpenIDProvider, theirs: Provider) -> None:
    code = code_of(ours, theirs)
    ours.finish(ATTEMPT, BACK, code)
    with pytest.raises(NotAuthenticated) as caught:
        ours.finish(ATTEMPT, BACK, code)
    assert caught.value.rule == "oidc.token"
    stolen = code_of(ours, theirs, replace(ATTEMPT, verifier="w" * 43))
    with pytest.raises(NotAuthenticated):
        ours.finish(ATTEMPT, BACK, stolen)


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"token_endpoint": "https://evil.example/token"},
        {"jwks_uri": "http://127.0.0.1:1/jwks"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": None},
        {"token_endpoint": ["x"]},
    ],
)
def test_a_description_that_leads_elsewhere_is_refused(
    ours: OpenIDProvider, theirs: Provider, metadata: dict[str, Any]
) -> None:
    theirs.metadata = metadata
    with pytest.raises(NotReady) as caught:
        ours.begin(ATTEMPT, BACK)
    assert caught.value.rule == "oidc.metadata"
    assert theirs.asked == ["/realms/lab/.well-known/openid-configuration"]


DISCOVERY: Final = "/realms/lab/.well-known/openid-configuration"
TOKEN: Final = "/realms/lab/token"
KEYS: Final = "/realms/lab/jwks"


@pytest.mark.parametrize("path", [DISCOVERY, TOKEN, KEYS])
@pytest.mark.parametrize(
    "answer",
    [
        (302, {"Location": "http://localhost:1/elsewhere"}, b""),
        (307, {"Location": "/realms/lab/jwks"}, b""),
        (500, {}, b"{}"),
        (200, {}, b"no JSON"),
        (200, {}, b"[1]"),
        (200, {}, b"{" + b" " * MAX_BYTES),
        (200, {"Content-Encoding": "gzip"}, gzip.compress(b" " * 20 * MAX_BYTES)),
        (200, {"Content-Encoding": "gzip"}, b"{}"),
        (200, {"Content-Length": "100"}, b"{}"),
    ],
    ids=["elsewhere", "redirect", "500", "no-json", "no-object", "too-large", "bomb", "no-gzip", "cut-short"],
)
def test_an_answer_that_is_none_is_told_as_not_ready_and_never_followed(
    ours: OpenIDProvider,
    theirs: Provider,
    caplog: pytest.LogCaptureFixture,
    path: str,
    answer: tuple[int, dict[str, str], bytes],
) -> None:
    code = code_of(ours, theirs)
    theirs.answers[path] = answer
    theirs.asked.clear()
    with caplog.at_level(logging.WARNING), pytest.raises(NotReady) as caught:
        ours.finish(ATTEMPT, BACK, code)
    assert caught.value.rule == "oidc.unreachable"
    assert theirs.asked[-1] == path
    assert theirs.issuer in caplog.text
    assert CLIENT_SECRET not in caplog.text
    assert code not in caplog.text


def test_a_provider_that_hangs_does_not_take_every_thread_with_it(ours: OpenIDProvider, theirs: Provider) -> None:
    theirs.awake.clear()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        waiting = [pool.submit(ours.begin, ATTEMPT, BACK) for _ in range(AT_ONCE)]
        while len(theirs.asked) < AT_ONCE:
            time.sleep(0.01)
        with pytest.raises(NotReady) as caught:
            ours.begin(ATTEMPT, BACK)
        theirs.awake.set()
        assert all(each.result().startswith(theirs.issuer) for each in waiting)
    assert caught.value.rule == "oidc.busy"
    assert ours.begin(ATTEMPT, BACK)


@pytest.mark.fault("other services", "The OpenID provider does not answer", "answers 503 and says so")
def test_a_provider_that_is_not_there_is_told_as_not_ready(clock: FixedClock) -> None:
    with serving_provider(clock) as gone:
        ours = OpenIDProvider(Client(gone.issuer, CLIENT_ID, CLIENT_SECRET), clock)
    with pytest.raises(NotReady) as caught:
        ours.begin(ATTEMPT, BACK)
    assert caught.value.rule == "oidc.unreachable"


@pytest.mark.parametrize(
    "keys", [b"{}", b'{"keys": 5}', b'{"keys": []}', b'{"keys": [{"kty": "RSA"}]}', b'{"keys": [5]}']
)
def test_without_a_key_nothing_is_believed(ours: OpenIDProvider, theirs: Provider, keys: bytes) -> None:
    code = code_of(ours, theirs)
    theirs.answers[KEYS] = (200, {}, keys)
    with pytest.raises(NotAuthenticated) as caught:
        ours.finish(ATTEMPT, BACK, code)
    assert caught.value.rule == "oidc.token"


@pytest.mark.parametrize("token", [{}, {"id_token": None}, {"id_token": 5}, {"id_token": ["x"]}])
def test_a_token_answer_without_an_id_token_is_refused(
    ours: OpenIDProvider, theirs: Provider, token: dict[str, Any]
) -> None:
    code = code_of(ours, theirs)
    theirs.answers[TOKEN] = (200, {}, json.dumps({"access_token": "x", "token_type": "Bearer"} | token).encode())
    with pytest.raises(NotAuthenticated) as caught:
        ours.finish(ATTEMPT, BACK, code)
    assert caught.value.rule == "oidc.token"


def test_without_the_extra_the_operator_is_told_what_to_install() -> None:
    require_extra()
    with pytest.raises(
        ConfigurationError, match=r"-r config/requirements/extras.txt.*--build-arg REQUIREMENTS=extras"
    ) as caught:
        require_extra(lambda _name: None)
    assert caught.value.rule == "oidc.extra"


def test_the_secret_is_not_shown(clock: FixedClock) -> None:
    client = Client("https://idp.example.com", CLIENT_ID, CLIENT_SECRET)
    assert CLIENT_SECRET not in repr(client) + repr(OpenIDProvider(client, clock))
