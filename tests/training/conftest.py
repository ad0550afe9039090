"""A tiny base and a small dataset, made once per test process."""

import pytest

from tests.models.tiny import make_tiny_base
from tests.training.data import make_dataset


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    return make_tiny_base(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture(scope="session")
def dataset_dir(tmp_path_factory):
    return make_dataset(tmp_path_factory.mktemp("data") / "dataset")
