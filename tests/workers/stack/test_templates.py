import configparser

import pytest

from workers.stack import templates

VALUES = {
    "port": 6432,
    "database": "photos",
    "postgres_port": 5432,
    "auth_file": "/somewhere/users.txt",
    "application": "app",
}


def test_pgbouncers_configuration_has_every_value_in_its_place():
    read = configparser.ConfigParser(interpolation=None)
    read.read_string(templates.fill("pgbouncer.ini", **VALUES))

    assert read["databases"]["photos"] == "host=127.0.0.1 port=5432 dbname=photos"
    assert read["pgbouncer"]["listen_port"] == "6432"
    assert read["pgbouncer"]["auth_file"] == "/somewhere/users.txt"
    assert read["pgbouncer"]["pool_mode"] == "transaction"


def test_a_forgotten_value_is_an_error():
    with pytest.raises(KeyError, match="port"):
        templates.fill("postgresql.conf.tmpl")
