"""A database is named by a small file that never holds, and never shows, its password."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from causalsig.errors import SourceError
from causalsig.sources.database_address import read_address
from causalsig.sources.formats import detect_format

SECRET = "Zq7/secret@word"
URL = "postgresql+pg8000://reader@127.0.0.1:1/base"


def written(folder: Path, text: str) -> Path:
    path = folder / "database.toml"
    path.write_text(text, "utf-8")
    return path


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    monkeypatch.setenv("ZQ7_PASSWORD", SECRET)
    monkeypatch.setenv("ZQ7_URL", "postgresql+pg8000://reader:Zq7%2Fsecret%40word@127.0.0.1:1/base")
    (tmp_path / "password").write_text(f"{SECRET}\n", "utf-8")
    return SECRET


@pytest.mark.parametrize(
    "text",
    [
        f'url = "{URL}"\npassword_env = "ZQ7_PASSWORD"',
        f'url = "{URL}"\npassword_file = "password"',
        'url_env = "ZQ7_URL"',
    ],
)
def test_the_password_comes_from_the_environment_or_a_file_of_its_own(
    text: str, tmp_path: Path, secret: str
) -> None:
    path = written(tmp_path, f'{text}\nschema = "export"\n')
    address = read_address(path)
    assert (address.url.username, address.url.password, address.schema) == ("reader", secret, "export")
    assert "Zq7" not in repr(address) + str(address.url)
    assert detect_format(path) == "database"


def test_a_path_of_sqlite_is_relative_to_the_file(tmp_path: Path) -> None:
    address = read_address(written(tmp_path, 'url = "sqlite:///extract.db"'))
    assert address.url.database == str(tmp_path / "extract.db")
    address = read_address(written(tmp_path, 'url = "sqlite:////data/extract.db"'))
    assert address.url.database == "/data/extract.db"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "source-database-address"),
        ("url = Zq7", "source-database-address"),
        ('url = ["Zq7"]', "source-database-address"),
        (f'url = "{URL}"\nzq7 = "Zq7"', "source-database-address"),
        (f'url = "{URL}"\nurl_env = "ZQ7_URL"', "source-database-address"),
        (f'url = "{URL}"\npassword_env = "A"\npassword_file = "b"', "source-database-address"),
        ('url = "postgresql+pg8000://reader:Zq7secret@host/base"', "source-database-address"),
        ('url = "postgresql+psycopg://reader@host/base?password=Zq7secret"', "source-database-address"),
        ('url = "no url Zq7"', "source-database-url"),
        ('url_env = "Zq7_NOT_SET"', "source-database-secret"),
        (f'url = "{URL}"\npassword_env = "Zq7secret"', "source-database-secret"),
        (f'url = "{URL}"\npassword_file = "Zq7secret"', "source-database-secret"),
    ],
)
def test_what_is_wrong_with_the_file_is_told_without_what_it_holds(
    text: str, code: str, tmp_path: Path, secret: Any
) -> None:
    with pytest.raises(SourceError) as caught:
        read_address(written(tmp_path, text))
    assert caught.value.code == code
    assert "zq7" not in caught.value.message.casefold() and caught.value.__cause__ is None
