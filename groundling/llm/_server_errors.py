"""What went wrong with a server, in one line."""

from groundling.errors import (
    AuthenticationError,
    PromptTooLongError,
    ServerError,
    UnknownModelError,
)

_TOO_LONG = ("context length", "context size", "too long", "n_ctx", "input length")
_SHOWN = 200


class NotSupportedError(Exception):
    """The server refused a way of asking, not the question."""


def named_error(
    error: Exception, *, name: str, model: str, where: str, probe: bool = False
) -> Exception:
    """Return the error of ours that says what a client's error means.

    Args:
        error: Of the openai or anthropic package, or of `JsonHttp`.
        name: The model, for messages.
        model: As the server names it.
        where: The server's address.
        probe: Whether a refusal may mean that the server lacks a feature.
    """
    status = getattr(error, "status_code", None)
    said = " ".join(str(error).split())
    too_long = status in (400, 413, 500) and any(w in said.lower() for w in _TOO_LONG)
    said = said[:_SHOWN]
    if status in (401, 403):
        return AuthenticationError(f"{name} refused the key (HTTP {status}): check it")
    if status == 404:
        return UnknownModelError(f"the server knows no model {model!r}: {said}")
    if too_long:
        return PromptTooLongError(f"{name}: {said}: lower `max_elements`")
    if status in (400, 422, 501) and probe:
        return NotSupportedError(said)
    if status is not None:
        return ServerError(f"{name} answered HTTP {status}: {said}")
    if "timed out" in said.lower() or "Timeout" in type(error).__name__:
        return ServerError(f"{name} did not answer in time: raise `timeout_s`")
    if "Connection" in type(error).__name__:
        return ServerError(f"{where} is out of reach: start the server or check the address")
    return ServerError(f"{name} answered with something that is no answer: {said}")
