"""Tokens of the crate auth against Python: JWTs by PyJWT, SAS and webhook signatures by hmac.

    python tests/crosscheck/tokens.py [COMMAND ..]

Three parts: the vector files of crates/auth/tests are right by Python's own
code; what our code signs now, Python accepts; what Python signs now, our code
accepts or refuses as it must. COMMAND runs the example auth_crosscheck; it is
built and run by cargo when absent. Needs PyJWT.
Prints a line for each failure and ends with `N passed, N failed`.
"""

import base64
import binascii
import hashlib
import hmac
import json
import pathlib
import subprocess
import sys
import time
import warnings
from urllib.parse import quote, quote_plus, unquote, unquote_plus

import jwt

ROOT = pathlib.Path(__file__).resolve().parents[2]
CARGO = ["cargo", "run", "--quiet", "--package", "azwire-examples", "--example", "auth_crosscheck", "--"]
# The example answers at once; building it, where there is nothing yet, takes minutes.
PATIENCE = 1800

# Times are compared apart: the vectors have theirs, PyJWT looks at the clock.
# Of a subject it wants a text, where the service takes a number as well.
NO_TIMES = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_sub": False}

passed = 0
failures = []


def check(holds, what):
    global passed
    if holds:
        passed += 1
    else:
        failures.append(what)
        print(f"failed: {what}")


def vectors(name):
    return json.loads((ROOT / "crates" / "auth" / "tests" / "vectors" / name).read_text("utf-8"))


def mac(key, message):
    return hmac.new(key.encode(), message.encode(), hashlib.sha256).digest()


def base64_of(code):
    return base64.b64encode(code).decode()


def read_jwt(token, key, audience, times=True):
    """The claims if PyJWT accepts the token, else the name of its error."""
    options = {"require": ["exp"], **({} if times else NO_TIMES)}
    try:
        return jwt.decode(token, key, algorithms=["HS256"], audience=audience, options=options)
    except jwt.exceptions.PyJWTError as error:
        return type(error).__name__


def sas_fields(token):
    scheme, _, fields = token.strip().partition(" ")
    if scheme.lower() != "sharedaccesssignature":
        return None
    pairs = [field.partition("=") for field in fields.split("&")]
    return {name.lower(): value for name, _, value in pairs}


def is_genuine_sas(token, key):
    """Whether the code is over the resource and the expiry as they are written."""
    fields = sas_fields(token)
    if fields is None or not all(name in fields for name in ("sr", "sig", "se", "skn")):
        return False
    code = unquote(fields["sig"]).replace(" ", "+")
    try:
        code = base64.b64decode(code + "=" * (-len(code) % 4), validate=True)
    except binascii.Error:
        return False
    return hmac.compare_digest(code, mac(key, fields["sr"] + "\n" + fields["se"]))


def check_sas_vectors():
    data = vectors("sas.json")
    for case in data["tokens"]:
        name = f"sas {case['name']}"
        key = case.get("key", data["key"])
        check(base64_of(mac(key, f"{case['resource']}\n{case['expiry']}")) == case["signature"], f"{name}: signature")
        check(is_genuine_sas(case["token"], key), f"{name}: token")
        fields = sas_fields(case["token"])
        check(unquote_plus(fields["sr"]) == case["audience"], f"{name}: audience")
        check(unquote_plus(fields["skn"]) == case["rule"], f"{name}: rule")
    check(unquote(data["query_form"]["text"]) == data["tokens"][0]["token"], "sas: form in a query")
    for case in data["accepted"]:
        check(is_genuine_sas(case["token"], data["key"]), f"sas accepted: {case['name']}")
    for case in data["refused"]:
        if case["error"] == "Signature":
            check(not is_genuine_sas(case["token"], data["key"]), f"sas refused: {case['name']}")


def check_jwt_vectors():
    for name in ("rest_jwt.json", "client_jwt.json"):
        data = vectors(name)
        for case in data["tokens"]:
            claims = json.loads(case["claims"])
            what = f"{name} {case['name']}"
            check(jwt.encode(claims, data["key"], algorithm="HS256") == case["token"], f"{what}: encode")
            check(read_jwt(case["token"], data["key"], claims["aud"], times=False) == claims, f"{what}: decode")
            check(read_jwt(case["token"], data["key"], claims["aud"]) == "ExpiredSignatureError", f"{what}: expiry")

    data = vectors("client_jwt.json")
    audience = [data["audience"], data["audience"].upper()]
    for case in data["read"]:
        key = data["secondary_key"] if "secondary" in case["name"] else data["key"]
        claims = read_jwt(case["token"], key, audience, times=False)
        check(isinstance(claims, dict), f"client_jwt.json read: {case['name']}: {claims}")
    for case in data["refused"]:
        # PyJWT is laxer about the form of claims; algorithm, signature and audience are no matter of taste.
        if case["error"] in ("Algorithm", "Audience", "MissingExpiry", "Signature"):
            verdict = read_jwt(case["token"], data["key"], audience, times=False)
            check(isinstance(verdict, str), f"client_jwt.json refused: {case['name']}")


def check_webhook_vectors():
    data = vectors("webhook.json")
    for case in data["signatures"]:
        entries = [f"sha256={mac(key, case['connection_id']).hex()}" for key in (data["key"], data["secondary_key"])]
        check(",".join(entries) == case["ce_signature"], f"webhook {case['connection_id']}")
    for case in data["connection_states"]:
        check(base64.b64decode(case["header"]).decode() == case["json"], f"webhook state {case['json']}")


def check_minted(command):
    """What our code signs, Python accepts."""
    output = subprocess.run([*command, "mint"], cwd=ROOT, stdout=subprocess.PIPE, timeout=PATIENCE, check=True).stdout
    lines = output.decode().splitlines()
    check(len(lines) > 50, f"minted: only {len(lines)} tokens")
    for number, line in enumerate(lines, 1):
        case = json.loads(line)
        key = case["key"]
        what = f"minted {number}, {case['kind']}"
        if case["kind"] == "jwt":
            expected = {name: value for name, value in case["claims"].items() if value not in (None, [])}
            if len(expected["aud"]) == 1:
                expected["aud"] = expected["aud"][0]
            check(read_jwt(case["token"], key, case["audience"]) == expected, f"{what}: decode")
            check(read_jwt(case["token"], key + "x", case["audience"]) == "InvalidSignatureError", f"{what}: other key")
            check(read_jwt(case["token"], key, "other") == "InvalidAudienceError", f"{what}: other audience")
        else:
            fields = sas_fields(case["token"])
            check(is_genuine_sas(case["token"], key), f"{what}: signature")
            check(not is_genuine_sas(case["token"], key + "x"), f"{what}: other key")
            check(unquote_plus(fields["sr"]) == case["audience"], f"{what}: audience")
            check(unquote_plus(fields["skn"]) == case["rule"], f"{what}: rule")
            check(int(fields["se"]) == case["expiry"], f"{what}: expiry")


def lower_escapes(text):
    quoted = quote(text, safe="")
    parts = quoted.split("%")
    return parts[0] + "".join("%" + part[:2].lower() + part[2:] for part in parts[1:])


def python_tokens():
    """Tokens of every producer's spelling, each with what our code must make of it."""
    now = int(time.time())
    key = "cHl0aG9uLWtleQ=="
    audience = "https://contoso.webpubsub.azure.com/client/hubs/chat"

    def jwt_case(claims, error=None, signed_with=key, **kwargs):
        token = jwt.encode({"aud": audience, "exp": now + 3600, **claims}, signed_with, algorithm="HS256", **kwargs)
        return {"kind": "jwt", "key": key, "token": token, "audience": audience}, error

    yield jwt_case({"sub": "é\U0001f600\"\\\n"})
    yield jwt_case({"role": "one"})
    yield jwt_case({"role": ["one", "two"], "iat": now, "nbf": now})
    yield jwt_case({"aud": ["https://elsewhere.example", audience]})
    yield jwt_case({"exp": now + 3600.5})
    yield jwt_case({"exp": now - 200})  # within the skew
    yield jwt_case({"custom": {"deep": [1, None, {"a": "b"}]}})
    yield jwt_case({}, headers={"kid": "1", "cty": "JWT"})
    yield jwt_case({"exp": now - 1000}, "Expired")
    yield jwt_case({"nbf": now + 1000}, "NotYetValid")
    yield jwt_case({"aud": audience + "2"}, "Audience")
    yield jwt_case({}, "Signature", signed_with="other")
    for algorithm in ("HS384", "HS512"):
        token = jwt.encode({"aud": audience, "exp": now + 3600}, key, algorithm=algorithm)
        yield {"kind": "jwt", "key": key, "token": token, "audience": audience}, "Algorithm"
    token = jwt.encode({"aud": audience, "exp": now + 3600}, None, algorithm="none")
    yield {"kind": "jwt", "key": key, "token": token, "audience": audience}, "Algorithm"

    def sas_case(encode, encode_code, uri, expiry=now + 3600, error=None, signed_with=key, rule="listen"):
        resource = encode(uri)
        code = encode_code(base64_of(mac(signed_with, f"{resource}\n{expiry}")))
        token = f"SharedAccessSignature sr={resource}&sig={code}&se={expiry}&skn={rule}"
        return {"kind": "sas", "key": key, "rule": "listen", "token": token, "audience": uri}, error

    uris = ["http://contoso.servicebus.windows.net/hc1/", "sb://contoso.servicebus.windows.net/a b/café~(1)'!*"]
    whole = lambda text: quote(text, safe="")
    for uri in uris:
        for encode in (whole, quote_plus, quote, lower_escapes):
            # Each expiry is another code, so that all of its signs are met.
            for offset in range(20):
                for encode_code in (whole, quote_plus, lower_escapes, str):
                    yield sas_case(encode, encode_code, uri, expiry=now + 3600 + offset)
    yield sas_case(whole, whole, uris[0], expiry=now - 1, error="Expired")
    yield sas_case(whole, whole, uris[0], signed_with="other", error="Signature")
    yield sas_case(whole, whole, uris[0], rule="send", error="UnknownRule")
    yield sas_case(whole, lambda code: code[:-8], uris[0], error="Signature")


def check_verified(command):
    """What Python signs, our code accepts or refuses as it must."""
    cases = list(python_tokens())
    lines = "".join(json.dumps(case) + "\n" for case, _ in cases)
    run = [*command, "verify"]
    output = subprocess.run(run, cwd=ROOT, input=lines.encode(), stdout=subprocess.PIPE, timeout=PATIENCE, check=True)
    verdicts = [json.loads(line) for line in output.stdout.decode().splitlines()]
    check(len(verdicts) == len(cases), f"verified: {len(verdicts)} verdicts for {len(cases)} tokens")
    for number, ((case, error), verdict) in enumerate(zip(cases, verdicts), 1):
        what = f"verified {number}, {case['kind']}: {verdict}, expected {error or 'accepted'}"
        if error:
            check(verdict.get("error", "").startswith(error), what)
        else:
            check(verdict["accepted"], what)
            if case["kind"] == "sas" and verdict["accepted"]:
                check(verdict["said"]["audience"] == case["audience"], what)


def main():
    # The vectors have short keys too.
    warnings.filterwarnings("ignore", message="The HMAC key is")
    command = sys.argv[1:] or CARGO
    check_sas_vectors()
    check_jwt_vectors()
    check_webhook_vectors()
    check_minted(command)
    check_verified(command)
    print(f"{passed} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
