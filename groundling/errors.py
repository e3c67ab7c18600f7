"""Every exception the package raises on purpose.

Each class is one cause a caller can act on; a message gives the value, the limit and the remedy.

    GroundlingError
    ├── PageError                 the page side
    │   ├── BrowserNotFoundError  no browser on this machine
    │   ├── WrongSdkError         a Sentience package that cannot work, or an object that is no page
    │   ├── PageClosedError       the tab, context or browser is gone
    │   ├── PageTimeoutError      the page did not load, answer or settle in time      (retryable)
    │   ├── NavigationError       the page could not be opened, or went away meanwhile (retryable)
    │   ├── EmptyPageError        nothing on the page can be acted on
    │   ├── SnapshotError         the page could not be read
    │   ├── StaleElementError     the element is gone or became another one            (retryable)
    │   └── ActionError           the element cannot take this action
    │       └── CoveredError      something lies over the element
    ├── ModelError                the model side
    │   ├── UnknownModelError     no backend or model of that name
    │   ├── MissingExtraError     an optional package is not installed
    │   ├── ModelFilesError       weights missing, corrupt or not reachable
    │   ├── PromptTooLongError    the prompt does not fit the context window
    │   ├── LabelError            the model's vocabulary cannot tell the labels apart
    │   ├── ModelAnswerError      the model's answer cannot be used                    (retryable)
    │   ├── ModelMemoryError      the model does not fit the device's memory
    │   ├── ServerError           a model server failed or is out of reach             (retryable)
    │   └── AuthenticationError   a model server refused the key
    ├── PolicyError               the caller's policy forbids the step
    └── DataError                 a file, data set or trace is not what it should be
"""


class GroundlingError(Exception):
    """Base class: catch it to catch them all."""

    retryable = False
    """True if the same call may succeed when repeated."""


class PageError(GroundlingError):
    """The page or the browser is the cause."""


class BrowserNotFoundError(PageError):
    """No usable browser was found on this machine."""


class WrongSdkError(PageError):
    """The object given is no page we can drive, or comes from a package that cannot work."""


class PageClosedError(PageError):
    """The tab, its context or the browser was closed."""


class PageTimeoutError(PageError):
    """The page did not load, answer or settle within the time limit."""

    retryable = True


class NavigationError(PageError):
    """The page could not be opened, or navigated away in the middle of a step."""

    retryable = True


class EmptyPageError(PageError):
    """The page holds no element that could be acted on."""


class SnapshotError(PageError):
    """The page could not be read."""


class StaleElementError(PageError):
    """The element chosen is gone, or the node now shows something else."""

    retryable = True


class ActionError(PageError):
    """The element cannot take the action, or something keeps the action from reaching it."""


class CoveredError(ActionError):
    """Something lies over the element and would take the click."""


class ModelError(GroundlingError):
    """The language model or its runtime is the cause."""


class UnknownModelError(ModelError):
    """No installed backend provides the model named."""


class MissingExtraError(ModelError):
    """An optional package is needed and not installed; the message holds the pip line."""


class ModelFilesError(ModelError):
    """Model files are missing, corrupt or out of reach."""


class PromptTooLongError(ModelError):
    """The prompt does not fit the model's context window."""


class LabelError(ModelError):
    """A label is missing from the model's vocabulary, or two labels are the same tokens."""


class ModelAnswerError(ModelError):
    """The model answered with something that cannot be used."""

    retryable = True


class ModelMemoryError(ModelError):
    """The model does not fit the memory of the device."""


class ServerError(ModelError):
    """A model server failed, is out of reach, or answered with something that is no answer."""

    retryable = True


class AuthenticationError(ModelError):
    """A model server refused the key."""


class PolicyError(GroundlingError):
    """The caller's policy forbids the step."""


class DataError(GroundlingError):
    """A file, data set or trace is not what it should be."""
