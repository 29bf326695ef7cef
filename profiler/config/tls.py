"""The certificates of the TLS settings, read before anything connects."""

import ssl

from profiler.config.connections import TlsSection
from profiler.config.serving import ServeSettings
from profiler.errors import ConfigError


def tls_context(section: str, settings: TlsSection) -> ssl.SSLContext:
    """Read CAs, certificate and key: TLS 1.2 at least, certificate and host name verified.

    Clients would find a missing file or a wrong key password only when they connect, and try
    again and again.

    Args:
        section: where the settings are, for messages.
        settings: the section.

    Raises:
        ConfigError: a file cannot be read, or is not what it should be; names the setting.
    """
    context = ssl.create_default_context()
    if settings.ssl_cafile is not None:
        try:
            # Made anew: with a file of its own it trusts nobody else.
            context = ssl.create_default_context(cafile=settings.ssl_cafile)
        except OSError as error:
            raise ConfigError(
                f"{section}.ssl_cafile: {settings.ssl_cafile}: {_reason(error)}"
            ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load_certificate(context, section, settings)
    return context


def serving_context(settings: ServeSettings) -> ssl.SSLContext:
    """Read the certificate and the key of the service: TLS 1.2 at least.

    Raises:
        ConfigError: a file cannot be read, or is not what it should be; names the setting.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load_certificate(context, "serve", settings)
    return context


def _load_certificate(
    context: ssl.SSLContext, section: str, settings: TlsSection | ServeSettings
) -> None:
    if settings.ssl_certfile is None:
        return
    secret = settings.ssl_key_password
    try:
        context.load_cert_chain(
            settings.ssl_certfile,
            settings.ssl_keyfile,
            # Without any, OpenSSL would ask at the terminal.
            password=secret.get_secret_value() if secret else "",
        )
    except OSError as error:
        raise ConfigError(
            f"{section}.ssl_certfile, ssl_keyfile or ssl_key_password: {_reason(error)}"
        ) from error


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        # The words of OpenSSL for a wrong password, a missing certificate, a key of another one.
        return f"unusable ({error.reason or 'wrong password of the key'})"
    return error.strerror or str(error)
