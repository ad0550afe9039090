"""Say in one sentence why a model could not be had from the hub, and the next step.

huggingface_hub's errors arrive wrapped by transformers, sometimes twice, and wrap those of the
transport: of the whole chain, what is said of the disk decides, then what the hub answered,
then the network. Asks no network and reads no token.

Shape: an exception, the model's name and revision -> EchoesError, or None for what is no
fault of the hub, the network or the disk.
"""

import errno
from collections.abc import Iterator

from echoes_lib.errors import BaseModelNotFound, CannotWrite, EchoesError

FULL = (errno.ENOSPC, errno.EDQUOT)
READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)
LOG_IN = "log in with `hf auth login` or set HF_TOKEN"
BAD_TOKEN = "Invalid credentials"  # what the hub writes in X-Error-Message


def explain(error: BaseException, name: str, revision: str | None = None) -> EchoesError | None:
    """Translate what went wrong while a hub model was looked for or downloaded.

    Args:
        error: as it was caught.
        name: `owner/model`.
        revision: commit, branch or tag; None is the newest.

    Returns:
        An error that names the missing step: token, licence, name, revision, network, offline
        mode or disk. None when the hub, the network and the disk are not to blame.
    """
    chain = list(causes(error))
    said = [_disk(cause, name) for cause in chain]
    said += [_answer(cause, name, revision) for cause in chain]
    said += [_network(cause, name) for cause in chain]
    return next(filter(None, said), None)


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Walk from an error to what raised it, the innermost first."""
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__
    return reversed(chain)


def offline(name: str) -> BaseModelNotFound:
    """Return the error for a model that is not in the cache while the hub may not be asked."""
    return BaseModelNotFound(
        f"base_model={name!r} is not in the local cache and HF_HUB_OFFLINE is set: unset it "
        "to download the model once, or use base_model=seedling, which needs no internet"
    )


def _disk(error: BaseException, name: str) -> CannotWrite | None:
    if not isinstance(error, OSError) or error.errno not in (*FULL, *READ_ONLY):
        return None
    if error.errno in READ_ONLY and error.filename is None:
        return None  # a firewall refuses connections with the same numbers, but names no file
    what = "is full" if error.errno in FULL else "is read-only, or not yours to write to"
    return CannotWrite(
        f"base_model={name!r} could not be downloaded because the disk of the hub's cache {what}: "
        "make room there or set HF_HOME to a folder on another disk, then try again; what was "
        "downloaded is kept"
    )


def _answer(error: BaseException, name: str, revision: str | None) -> BaseModelNotFound | None:
    """Translate the hub's refusal; only its own error classes say which one it is."""
    from huggingface_hub import errors

    if isinstance(error, errors.HfHubHTTPError):
        return BaseModelNotFound(_refusal(error, name, revision))
    return None


def _refusal(error: BaseException, name: str, revision: str | None) -> str:
    """Say which step is missing, from the class of the hub's refusal and its status."""
    from huggingface_hub import errors

    status = error.response.status_code
    if isinstance(error, errors.GatedRepoError):
        return _gated(name, status)
    if isinstance(error, errors.RevisionNotFoundError):
        return f"base_revision={revision!r} does not exist in {name}: check base_revision"
    if isinstance(error, errors.RemoteEntryNotFoundError):
        missing = error.response.url.path.rpartition("/")[2]
        return f"base_model={name!r} holds no {missing}: choose a transformers model"
    if isinstance(error, errors.DisabledRepoError):
        return f"base_model={name!r} was disabled by the hub: choose another base_model"
    if status == 401 and BAD_TOKEN in str(error):
        return f"the hub knows no such token, so base_model={name!r} is out of reach: {LOG_IN}"
    if status in (401, 404):
        return (
            f"base_model={name!r} is neither a folder here nor a public model on the hub: check "
            f"the spelling; if it is private, {LOG_IN}"
        )
    if status == 403:
        return (
            f"your token may not read base_model={name!r}: give it read access to gated and "
            f"private models in the hub's settings, then {LOG_IN}"
        )
    return f"the hub answered {status} for base_model={name!r}: try again in a few minutes"


def _gated(name: str, status: int) -> str:
    accept = "accept its licence on the model's page on the hub"
    if status == 403:
        return (
            f"base_model={name!r} is gated and its licence was not accepted with the account of "
            f"your token: {accept}, wait until access is granted, and try again"
        )
    return f"base_model={name!r} is gated and no token was sent: {accept}, then {LOG_IN}"


def _network(error: BaseException, name: str) -> BaseModelNotFound | None:
    from huggingface_hub import errors

    if isinstance(error, errors.OfflineModeIsEnabled):
        return offline(name)
    # HTTPError is that of the transport, which differs between versions of huggingface_hub.
    if isinstance(error, errors.HTTPError | ConnectionError | errors.LocalEntryNotFoundError):
        return BaseModelNotFound(
            f"base_model={name!r} is not whole in the local cache and the hub cannot be reached "
            f"({type(error).__name__}): check the connection and try again, a download goes on "
            "where it stopped; or use base_model=seedling, which needs no internet"
        )
    return None
