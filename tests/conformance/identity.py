"""The official credentials of Python, unmodified, with the environment variables of our emulator.

    azwire-emulator --config tests/conformance/identity.toml | { read -r ready; echo "$ready" | python tests/conformance/identity.py; }

Each signs in at the emulator, sends by the official service client over TLS, and a client sees
it. Needs azure-identity, azure-messaging-webpubsubservice, aiohttp and websockets. Prints a
line for each check and ends with `N passed, N failed`.
"""

import asyncio
import faulthandler
import inspect
import json
import os
import ssl
import sys
import time

import azure.identity
import azure.identity.aio
import jwt
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.identity import CredentialUnavailableError
from azure.messaging.webpubsubservice import WebPubSubServiceClient
from azure.messaging.webpubsubservice.aio import WebPubSubServiceClient as AsyncWebPubSubServiceClient
from websockets.asyncio.client import connect

from report import Report

PATIENCE = 15
WATCHDOG = 240
TEXT = {"content_type": "text/plain"}
READER = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
SCOPE = "https://webpubsub.azure.com/.default"


def use(variables):
    """Makes these the only variables that credentials read."""
    for name in list(os.environ):
        if name.startswith(("AZURE_", "IDENTITY_", "MSI_", "IMDS_")):
            del os.environ[name]
    os.environ.update(variables)


async def run(report, client, ready, credentials, service_type):
    environments = ready["identity"]["environments"]
    by_identity, by_secret, by_token = (environments[name] for name in ("managed-identity", "client-secret", "workload-identity"))
    endpoint = ready["pubsub"]["secureEndpoint"]
    context = ssl.create_default_context(cafile=ready["caCertificate"])

    async def call(method, *arguments, **options):
        outcome = method(*arguments, **options)
        return await outcome if inspect.isawaitable(outcome) else outcome

    async def close(thing):
        await call(thing.close)

    async def send(credential):
        """What a client of the hub receives that the service client sends with this credential."""
        service = service_type(endpoint, "identity", credential)
        try:
            url = (await call(service.get_client_access_token))["url"]
            async with connect(url, ssl=context, proxy=None, open_timeout=PATIENCE) as socket:
                await call(service.send_to_all, "hello", **TEXT)
                return await asyncio.wait_for(socket.recv(), PATIENCE)
        finally:
            await close(service)
            await close(credential)

    async def refused(credential, method, *arguments, **options):
        service = service_type(endpoint, "identity", credential)
        try:
            return await call(getattr(service, method), *arguments, **options)
        except HttpResponseError as error:
            return type(error).__name__, error.status_code
        finally:
            await close(service)
            await close(credential)

    def client_secret(secret):
        return credentials.ClientSecretCredential(
            os.environ["AZURE_TENANT_ID"], os.environ["AZURE_CLIENT_ID"], secret, disable_instance_discovery=True
        )

    for name, variables, make in [
        ("ManagedIdentityCredential", by_identity, lambda: credentials.ManagedIdentityCredential()),
        ("DefaultAzureCredential, by managed identity", by_identity, lambda: credentials.DefaultAzureCredential()),
        ("DefaultAzureCredential, by client secret", by_secret, lambda: credentials.DefaultAzureCredential()),
        ("DefaultAzureCredential, by workload identity", by_token, lambda: credentials.DefaultAzureCredential()),
        ("EnvironmentCredential", by_secret, lambda: credentials.EnvironmentCredential()),
        ("ClientSecretCredential", by_secret, lambda: client_secret(os.environ["AZURE_CLIENT_SECRET"])),
        ("WorkloadIdentityCredential", by_token, lambda: credentials.WorkloadIdentityCredential()),
    ]:
        use(variables)
        try:
            report.check(client, f"{name}: a client connects and gets what is sent", await send(make()), "hello")
        except Exception:
            report.error(client, f"{name}: a client connects and gets what is sent")

    use(by_identity)
    reader = lambda: credentials.ManagedIdentityCredential(client_id=READER)
    report.check(client, "a Reader that sends is 403", await refused(reader(), "send_to_all", "x", **TEXT), ("HttpResponseError", 403))
    report.check(client, "a Reader may ask whether a group exists", await refused(reader(), "group_exists", "g"), False)

    async def fails(credential):
        try:
            await call(credential.get_token, SCOPE)
            return "a token"
        except (ClientAuthenticationError, CredentialUnavailableError) as error:
            return str(error)
        finally:
            await close(credential)

    unknown = await fails(credentials.ManagedIdentityCredential(client_id="bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"))
    report.check(client, "an unknown managed identity is named so", "No User Assigned" in unknown, True)
    use(by_secret)
    wrong = await fails(client_secret("wrong"))
    report.check(client, "a wrong secret is named so", "AADSTS7000215" in wrong, True)

    use(by_identity)
    credential = credentials.ManagedIdentityCredential()
    token = (await call(credential.get_token, SCOPE)).token
    await close(credential)
    keys = jwt.PyJWKClient(f"{ready['identity']['authority']}/adfs/discovery/keys", ssl_context=context)
    key = await asyncio.to_thread(keys.get_signing_key_from_jwt, token)
    claims = jwt.decode(token, key.key, algorithms=["RS256"], audience="https://webpubsub.azure.com")
    named = claims["tid"] == ready["identity"]["tenantId"] and claims["exp"] > time.time()
    report.check(client, "PyJWT verifies the token by the published keys", named, True)


async def main():
    ready = json.load(sys.stdin)
    report = Report()
    await run(report, "azure-identity", ready, azure.identity, WebPubSubServiceClient)
    await run(report, "azure-identity.aio", ready, azure.identity.aio, AsyncWebPubSubServiceClient)
    return report.close()


if __name__ == "__main__":
    faulthandler.dump_traceback_later(WATCHDOG, exit=True)
    sys.exit(asyncio.run(main()))
