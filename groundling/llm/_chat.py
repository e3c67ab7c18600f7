"""Chat templates: the model's own, made to accept what we send.

Shared by the local runtimes; each brings a function that renders messages with its own engine.
"""

import logging
from collections.abc import Callable, Iterable

from jinja2 import TemplateError

from groundling.errors import ModelAnswerError, ModelFilesError, ServerError

_log = logging.getLogger(__name__)

Messages = list[dict[str, str]]
_THINK, _END_THINK = "<think>", "</think>"
_PROBE = "groundling-probe"
# jinja2 here, llama.cpp's own engine behind its server.
_TEMPLATE_ERRORS = (TemplateError, ValueError, TypeError, ServerError)


class ChatFormat:
    """Renders a system and a user text up to the point where the model starts to answer."""

    def __init__(
        self,
        apply: Callable[[Messages], str] | None,
        control_tokens: Callable[[str], Iterable[str]],
        model: str,
    ) -> None:
        """Probe the template once.

        Args:
            apply: Renders messages with the generation prompt; None if the model has no template.
            control_tokens: Returns the control tokens that stand in a text, longest first.
            model: Name for messages.

        Raises:
            ModelFilesError: If the template cannot even render one user message.
        """
        self._apply = apply
        self._control_tokens = control_tokens
        if apply is None:
            _log.warning(
                "%s has no chat template: plain `User:`/`Assistant:` lines are used", model
            )
        else:
            _check_template(apply, model)
        self.accepts_system = apply is None or _accepts_system(apply)

    @property
    def has_template(self) -> bool:
        """Whether the model brought a chat template."""
        return self._apply is not None

    @property
    def before_label(self) -> str:
        """What stands between the prompt and a label: a space in running text, else nothing."""
        return "" if self._apply else " "

    def render(self, system: str, user: str, *, answer_now: bool = False) -> str:
        """Return the prompt text, special tokens included.

        Args:
            system: Instructions; folded into the user's turn if the template has no such role.
            user: The question.
            answer_now: Close a thought that the template opens, so the next token is the answer.
        """
        system, user = self._disarm(system), self._disarm(user)
        if self._apply is None:
            return (f"System: {system}\n\n" if system else "") + f"User: {user}\n\nAssistant:"
        text = self._apply(_messages(system, user, self.accepts_system))
        return text + f"\n{_END_THINK}\n\n" if answer_now and thinking_is_open(text) else text

    def _disarm(self, text: str) -> str:
        """Break control tokens inside page text: a page must not end the user's turn."""
        for token in self._control_tokens(text):
            text = text.replace(token, f"{token[0]} {token[1:]}")
        return text


def _messages(system: str, user: str, accepts_system: bool) -> Messages:
    if not system:
        return [{"role": "user", "content": user}]
    if accepts_system:
        return [{"role": "system", "content": system}, {"role": "user", "content": user}]
    return [{"role": "user", "content": f"{system}\n\n{user}"}]


def _check_template(apply: Callable[[Messages], str], model: str) -> None:
    try:
        text = apply(_messages("", _PROBE, True))
    except _TEMPLATE_ERRORS as error:
        raise ModelFilesError(f"the chat template of {model} fails: {error}") from error
    if _PROBE not in text:
        raise ModelFilesError(f"the chat template of {model} drops the user's message")


def _accepts_system(apply: Callable[[Messages], str]) -> bool:
    """Gemma 2 refuses the role with an exception, others leave the text out in silence."""
    try:
        return _PROBE in apply(_messages(_PROBE, "user", True))
    except _TEMPLATE_ERRORS:
        return False


def thinking_is_open(text: str) -> bool:
    """Return whether `text` ends inside a thought."""
    return text.rfind(_THINK) > text.rfind(_END_THINK)


def split_thinking(text: str, n_tokens: int, *, opened: bool) -> tuple[str | None, str]:
    """Separate a thinking model's thought from its answer.

    Args:
        text: What the model generated.
        n_tokens: How many tokens that was, for the message.
        opened: Whether the prompt already opened the thought.

    Returns:
        The thought, or None, and the answer.

    Raises:
        ModelAnswerError: If the thought used the whole budget, or nothing was generated.
    """
    thought, end, answer = text.partition(_END_THINK)
    if not end:
        thought, answer = ("", text) if not (opened or _THINK in text) else (text, "")
    thought, answer = thought.replace(_THINK, "").strip(), answer.strip()
    if not answer and thought:
        raise ModelAnswerError(f"the thought used up all {n_tokens} tokens: raise `max_new_tokens`")
    if not answer:
        raise ModelAnswerError(f"the model answered with nothing ({n_tokens} tokens generated)")
    return thought or None, answer
