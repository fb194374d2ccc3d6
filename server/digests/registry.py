"""All recognisers, the most specific first."""

from server.digests.recognisers.base import Recogniser
from server.digests.recognisers.build.cargo import Cargo
from server.digests.recognisers.build.cmake import Cmake
from server.digests.recognisers.build.dotnet import Dotnet
from server.digests.recognisers.build.gcc import Gcc
from server.digests.recognisers.build.make import Make
from server.digests.recognisers.build.maven import Maven
from server.digests.recognisers.build.tsc import Tsc
from server.digests.recognisers.lint.eslint import Eslint
from server.digests.recognisers.lint.mypy import Mypy
from server.digests.recognisers.lint.ruff import Ruff
from server.digests.recognisers.logs.json_lines import JsonLines
from server.digests.recognisers.packages.pip import Pip
from server.digests.recognisers.tests.go_test import GoTest
from server.digests.recognisers.tests.pytest import Pytest
from server.digests.recognisers.tests.unittest import Unittest

RECOGNISERS: tuple[type[Recogniser], ...] = (
    JsonLines,
    Maven,
    Pytest,
    Unittest,
    GoTest,
    Cargo,
    Eslint,
    Mypy,
    Ruff,
    Tsc,
    Dotnet,
    Cmake,
    Make,
    Gcc,
    Pip,
)
