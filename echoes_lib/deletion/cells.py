"""Words of the answers in the texts of the MLflow database: parameters, tags, notes, spans.

What is the person's own is known by where it comes from; this finds what was written elsewhere,
such as an answer pasted into the description of somebody else's run. Reads and writes the SQLite
file itself, because MLflow offers no way to change a parameter.

Shape: word runs -> [Cell]; [Cell] -> the same cells, each saying `[forgotten]`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Inspector, String, inspect

from echoes_lib.deletion.words import LENGTH, Runs, text_holds
from echoes_lib.reflections.sources.connect import opened, reading
from echoes_lib.workspace import workspace

SAID = "[forgotten]"
# Names and figures only, and by far the longest.
FIGURES = {"metrics", "latest_metrics", "logged_model_metrics", "trace_metrics", "span_metrics"}


@dataclass(frozen=True)
class Cell:
    """One text in the database that holds words of the answers."""

    table: str
    column: str
    rowid: int

    @property
    def shown(self) -> str:
        """The cell as it is printed."""
        return f"mlruns/mlflow.db, {self.table}.{self.column}"


def find_cells(runs: Runs) -> list[Cell]:
    """Find the texts that hold one of the runs; none in a store that was never made."""
    if not runs or not (workspace().mlruns / "mlflow.db").is_file():
        return []
    with reading(workspace().tracking_uri) as engine, engine.connect() as connection:
        return list(_search(connection, inspect(engine), runs))


def overwrite_cells(cells: Sequence[Cell]) -> None:
    """Write `[forgotten]` in place of each text, in one transaction.

    Raises:
        NoDatabase: the store is locked or cannot be written.
    """
    if not cells:
        return
    with opened(workspace().tracking_uri, write=True) as engine, engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA secure_delete = ON")
        connection.commit()
        for cell in cells:
            connection.exec_driver_sql(
                f'UPDATE OR REPLACE "{cell.table}" SET "{cell.column}" = ? WHERE rowid = ?',
                (SAID, cell.rowid),
            )
        connection.commit()


def traces_of(cells: Sequence[Cell]) -> dict[str, list[str]]:
    """Return experiment -> ids of the traces that cells belong to; half a trace is of no use."""
    if not cells:
        return {}
    found: dict[str, set[str]] = {}
    with reading(workspace().tracking_uri) as engine, engine.connect() as connection:
        inspector = inspect(engine)
        for cell in cells:
            names = {column["name"] for column in inspector.get_columns(cell.table)}
            column = next((n for n in ("trace_id", "request_id") if n in names), None)
            if column is None:
                continue
            row = connection.exec_driver_sql(
                "SELECT t.experiment_id, t.request_id FROM trace_info t "
                f'JOIN "{cell.table}" c ON c."{column}" = t.request_id WHERE c.rowid = ?',
                (cell.rowid,),
            ).first()
            if row:
                found.setdefault(str(row[0]), set()).add(row[1])
    return {experiment: sorted(ids) for experiment, ids in found.items()}


def _search(connection: Connection, inspector: Inspector, runs: Runs) -> Iterator[Cell]:
    for table in sorted(set(inspector.get_table_names()) - FIGURES):
        for column in inspector.get_columns(table):
            if not isinstance(column["type"], String):
                continue
            name = column["name"]
            rows = connection.exec_driver_sql(
                f'SELECT rowid, "{name}" FROM "{table}" WHERE length("{name}") > ?',
                (2 * LENGTH,),
            )
            for rowid, text in rows:
                if text_holds(str(text), runs):
                    yield Cell(table, name, rowid)
