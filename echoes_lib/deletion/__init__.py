"""Deletion: a person, or one answer, is forgotten together with all that was made of it.

    words    what of the answers can be recognised again, and which files hold it
    rows     their rows in the reflections database
    files    what lies in data/, runs/ and the notebooks
    tracked  runs, versions, artifacts and traces in the MLflow store
    cells    words in the texts of the MLflow database
    find     all of these together: what there is
    mark     versions lose aliases, runs and versions say what was forgotten
    erase    take it away, and empty the databases of deleted bytes
    forget   the order of it all, under the lock of the chain

Importing this package imports nothing heavy.
"""
