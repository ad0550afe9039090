"""Every error a user can meet, in one tree; each message ends with what to do next.

    EchoesError
    ├── ParamsError            a parameter is unknown, of the wrong type or out of range
    ├── CannotWrite            the disk is full, read-only or not ours to write to
    ├── DataError              the reflections cannot be used
    │   ├── NoDatabase         there is no database, or it cannot be opened
    │   ├── NoSuchUser         the database holds nobody of that name
    │   ├── MissingColumn      the table lacks a column that is needed
    │   ├── BadRow             a row holds what cannot be an answer, a question or a time
    │   ├── SchemaTooNew       a newer version of the project has changed the tables
    │   ├── BadSource          a file to import cannot be read or contradicts itself
    │   ├── NoAnswers          the person has no answer (or none is left after the filters)
    │   ├── TooFewAnswers      fewer answers than a split needs
    │   └── NoConsent          nobody allowed that the words be used for this
    ├── ModelError             a base model or adapter cannot be used
    │   └── BaseModelNotFound  no such name, folder or hub model
    ├── TrainingError          a training cannot begin or go on
    │   ├── NotEnoughMemory    it does not fit, however it is cut up
    │   ├── TooHot             the GPU reached its hard temperature limit
    │   └── TrainingBusy       another process trains the same adapter
    ├── TrackingError          the MLflow store cannot be used
    │   ├── StoreTooNew        it was written by a newer MLflow
    │   ├── NoSuchEcho         no registered model, version or alias of that name
    │   └── Forgotten          it learnt from answers that were taken back since
    └── ChainError             the chain of notebooks cannot go on
        ├── StepFailed         a notebook failed in the middle
        ├── ChainBusy          another process is at work on the same chain
        └── PortInUse          a server cannot listen on its port

Does not cover faults of the program itself: those keep their own type and traceback.
No message may hold a person's text: name the question id, never the answer.
"""


class EchoesError(Exception):
    """Base of all errors with a message for the user; the commands print it and exit with 1."""


class ParamsError(EchoesError):
    """A parameter is unknown, of the wrong type or out of range."""


class CannotWrite(EchoesError):
    """The disk is full or read-only, or the folder is somebody else's."""


class DataError(EchoesError):
    """The reflections cannot be used."""


class NoDatabase(DataError):
    """There is no database at the URL, or it cannot be opened."""


class NoSuchUser(DataError):
    """The database holds nobody of that name."""


class MissingColumn(DataError):
    """The table lacks a column that is needed."""


class BadRow(DataError):
    """A row holds what cannot be an answer, a question or a time."""


class SchemaTooNew(DataError):
    """A newer version of the project has changed the tables."""


class BadSource(DataError):
    """A file to import cannot be read, or contradicts itself or the database."""


class NoAnswers(DataError):
    """The person has no answer, or none is left after the filters."""


class TooFewAnswers(DataError):
    """Fewer answers than a split needs."""


class NoConsent(DataError):
    """Nobody allowed that the person's words be used for this, or it was withdrawn."""


class ModelError(EchoesError):
    """A base model or adapter cannot be used."""


class BaseModelNotFound(ModelError):
    """No base model of that name, folder or hub id."""


class TrainingError(EchoesError):
    """A training cannot begin or go on."""


class NotEnoughMemory(TrainingError):
    """A training does not fit into the memory there is, even with everything recomputed."""


class TooHot(TrainingError):
    """The GPU reached its hard temperature limit; training saved a checkpoint and stopped."""


class TrainingBusy(TrainingError):
    """Another process trains the same adapter."""


class TrackingError(EchoesError):
    """The MLflow store cannot be used."""


class StoreTooNew(TrackingError):
    """The MLflow store was written by a newer MLflow."""


class NoSuchEcho(TrackingError):
    """No registered model, version or alias of that name."""


class Forgotten(TrackingError):
    """The echo learnt from answers that were taken back since; it must be trained again."""


class ChainError(EchoesError):
    """The chain of notebooks cannot go on."""


class StepFailed(ChainError):
    """A notebook failed in the middle."""


class ChainBusy(ChainError):
    """Another process is at work on the same chain."""


class PortInUse(ChainError):
    """A server cannot listen on its port."""
