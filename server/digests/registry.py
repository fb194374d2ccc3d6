"""All recognisers, most specific first."""

from server.digests.recognisers.base import Recogniser
from server.digests.recognisers.build.bundler import Bundler
from server.digests.recognisers.build.cargo import Cargo
from server.digests.recognisers.build.cmake import Cmake
from server.digests.recognisers.build.dotnet import Dotnet
from server.digests.recognisers.build.gcc import Gcc
from server.digests.recognisers.build.gradle import Gradle
from server.digests.recognisers.build.make import Make
from server.digests.recognisers.build.maven import Maven
from server.digests.recognisers.build.tsc import Tsc
from server.digests.recognisers.lint.eslint import Eslint
from server.digests.recognisers.lint.mypy import Mypy
from server.digests.recognisers.lint.ruff import Ruff
from server.digests.recognisers.logs.ci_steps import CiSteps
from server.digests.recognisers.logs.json_lines import JsonLines
from server.digests.recognisers.logs.logfmt import Logfmt
from server.digests.recognisers.logs.plain import PlainLog
from server.digests.recognisers.logs.traces import Traces
from server.digests.recognisers.packages.docker import Docker
from server.digests.recognisers.packages.kubectl import Kubectl
from server.digests.recognisers.packages.npm import Npm
from server.digests.recognisers.packages.pip import Pip
from server.digests.recognisers.packages.terraform import Terraform
from server.digests.recognisers.packages.uv import Uv
from server.digests.recognisers.tests.go_test import GoTest
from server.digests.recognisers.tests.jest import Jest
from server.digests.recognisers.tests.mocha import Mocha
from server.digests.recognisers.tests.phpunit import PhpUnit
from server.digests.recognisers.tests.pytest import Pytest
from server.digests.recognisers.tests.rspec import Rspec
from server.digests.recognisers.tests.tap import Tap
from server.digests.recognisers.tests.unittest import Unittest
from server.digests.recognisers.tests.vitest import Vitest
from server.digests.recognisers.vcs.git_diff import GitDiff
from server.digests.recognisers.vcs.git_log import GitLog
from server.digests.recognisers.vcs.git_status import GitStatus

RECOGNISERS: tuple[type[Recogniser], ...] = (
    CiSteps,
    JsonLines,
    Logfmt,
    GitDiff,
    GitLog,
    GitStatus,
    Terraform,
    Kubectl,
    Maven,
    Pytest,
    Vitest,
    Jest,
    Tap,
    Mocha,
    PhpUnit,
    Rspec,
    Unittest,
    GoTest,
    Gradle,
    Cargo,
    Docker,
    Bundler,
    Eslint,
    Mypy,
    Ruff,
    Tsc,
    Dotnet,
    Cmake,
    Make,
    Gcc,
    Uv,
    Pip,
    Npm,
    PlainLog,
    Traces,
)
