"""Laws of imports and of the environment, and that an import has no side effect."""

import ast
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from scripts.import_graph import PACKAGES, circles, combined_graph, parsed

ROOT = Path(__file__).parents[2]
SOURCES = {
    path.relative_to(ROOT).as_posix(): parsed(path)
    for package in ("shared", "ingest_worker", "alert_worker", "api")
    for path in sorted((ROOT / package).rglob("*.py"))
}
# Made once: of all packages it takes a second.
graph = cache(combined_graph)
WEB = ("fastapi", "starlette", "uvicorn")


def imported(tree):
    """Yield the full name of every module that is imported anywhere in the file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


IMPORTED = {path: frozenset(imported(tree)) for path, tree in SOURCES.items()}


@cache
def imported_by_scripts():
    """Return the modules that each file of `scripts` imports."""
    return {
        path.relative_to(ROOT).as_posix(): frozenset(imported(parsed(path)))
        for path in (ROOT / "scripts").rglob("*.py")
    }


def importers_of(*packages):
    """Return every file that imports one of these packages."""
    return {path for path, names in IMPORTED.items() if any(name.split(".")[0] in packages for name in names)}


def files_under(*packages):
    return {path for path in SOURCES if path.split("/")[0] in packages}


def test_the_sources_are_found():
    """A check that reads no file proves nothing."""
    assert {"shared/settings.py", "ingest_worker/worker.py", "api/routers/vehicles.py"} <= set(SOURCES)


def test_the_processes_do_not_know_each_other():
    """The database schema is their only contract."""
    processes = {"ingest_worker", "alert_worker", "api"}
    for one in processes:
        assert not importers_of(one) & files_under("shared", *processes - {one})


def test_no_process_needs_scripts_or_tests():
    """Code in production does not import code that a person or a test starts."""
    assert not importers_of("scripts", "tests")


def test_three_files_import_paho():
    """Another MQTT library would change three files, and only one of them uses paho's private names."""
    assert importers_of("paho") == {
        "alert_worker/routes/mqtt_target.py",
        "ingest_worker/mqtt_client.py",
        "ingest_worker/subscriber.py",
    }


@pytest.mark.parametrize(
    ("library", "importer"),
    [
        ("paho", "scripts/launcher/mqtt_session.py"),
        ("http.client", "scripts/launcher/http_client.py"),
        ("urllib.request", "scripts/launcher/http_client.py"),
    ],
)
def test_one_script_imports_a_client(library, importer):
    """Demo, simulator, faults and benchmarks connect alike: a second client would differ in its timeouts.

    The peers of the benchmarks are consumers as others write them.
    """
    found = {
        path
        for path, names in imported_by_scripts().items()
        if not path.startswith("scripts/bench/peer_programs/")
        and any(f"{name}.".startswith(f"{library}.") for name in names)
    }
    assert found == {importer}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_modules_import_each_other_in_a_circle(package):
    """A circle can't be read from either end."""
    assert circles(graph(package)) == []


API_FLOORS = (
    ("api.db",),
    ("api.http", "api.queries"),
    ("api.schemas", "api.serializers"),
    ("api.services",),
    ("api.routers",),
    ("api.lifespan",),
    ("api.main", "api.keys"),
    ("api.__main__",),
)
SHARED_FLOORS = (
    (
        "shared.alert_metric_definitions",
        "shared.alert_thresholds",
        "shared.command_arguments",
        "shared.gc_tuning",
        "shared.logs",
        "shared.metric_definitions",
        "shared.reading_counts",
        "shared.stop_signals",
        "shared.value_ages",
        "shared.vehicle_profile",
        "shared.wire",
        "shared.wording",
    ),
    ("shared.access", "shared.storage", "shared.diagnostics", "shared.profile_table", "shared.sources"),
    ("shared.api_settings", "shared.setting_values", "shared.settings"),
    (
        "shared.check_settings",
        "shared.command",
        "shared.episodes",
        "shared.rejections",
        "shared.status_server",
    ),
    ("shared.migrate", "shared.migrations", "shared.profiles", "shared.rollups"),
)


def floor_of(module, floors):
    """Return the number of the floor on which a module stands, None where the table does not name it."""
    return next(
        (
            number
            for number, names in enumerate(floors)
            if any(module == name or module.startswith(f"{name}.") for name in names)
        ),
        None,
    )


@pytest.mark.parametrize(("package", "floors"), [("api", API_FLOORS), ("shared", SHARED_FLOORS)])
def test_no_import_points_up(package, floors):
    """A module imports from its own floor and from those below: the ground can be read without the roof."""
    imports = graph(package)
    upward = [
        (importer, imported)
        for importer, targets in imports.items()
        for imported in targets
        if (here := floor_of(importer, floors)) is not None
        and (there := floor_of(imported, floors)) is not None
        and there > here
    ]
    assert upward == []
    seen = {floor_of(module, floors) for module in imports}
    assert seen >= set(range(len(floors)))


@pytest.mark.parametrize(("package", "floors"), [("api", API_FLOORS), ("shared", SHARED_FLOORS)])
def test_every_module_stands_on_a_floor(package, floors):
    """A new module at the root of a package has to say where it belongs."""
    assert {name for name in graph(package) if floor_of(name, floors) is None} == {package}


def test_what_connects_asks_nothing():
    """`api/db` holds no query of the domain: it is handed the two that it runs by itself."""
    assert not any(
        target.startswith("api.queries")
        for name, targets in graph("api").items()
        if name.startswith("api.db")
        for target in targets
    )


def test_the_wire_knows_no_table():
    """A reading can be decoded without a database."""
    assert not {name for name in reachable("shared.wire", "shared") if name.startswith("shared.storage")}


def test_a_mapping_knows_neither_broker_nor_database():
    """Messages of foreign devices are decoded by pure functions; only the command reads settings."""
    decoder = reachable("shared.sources.decode", "ingest_worker", "shared")
    mapping = reachable("shared.sources.mapping_file", "ingest_worker", "shared")
    known = decoder | mapping
    assert {"shared.sources.pointer", "shared.wire.reading"} <= known
    assert {name for name in known if not name.startswith(("shared.sources", "shared.w"))} == set()
    libraries = importers_of("paho", "sqlalchemy", "psycopg", "threading")
    assert not {path for path in libraries if path.startswith("shared/sources/")}


def test_the_worker_loads_no_diagnostics():
    """Analyses of the past do not run where readings are stored."""
    loaded = reachable("ingest_worker", "ingest_worker", "shared")
    assert "shared.storage.store_readings" in loaded
    assert not {name for name in loaded if name.startswith("shared.diagnostics")}


def reachable(start, *packages):
    """Return every module that a package's modules import, directly or through others, in these packages."""
    imports = graph(*packages)
    waiting = [name for name in imports if name == start or name.startswith(f"{start}.")]
    seen = set(waiting)
    while waiting:
        for target in imports[waiting.pop()] - seen:
            seen.add(target)
            waiting.append(target)
    return seen


def test_no_base_name_stands_thrice():
    """A file name that stands in three folders says nothing in a traceback."""
    names = Counter(
        path.name
        for package in (*PACKAGES, "scripts")
        for path in (ROOT / package).rglob("*.py")
        if not path.name.startswith("__")
    )
    assert {name: number for name, number in names.items() if number > 2} == {}


def test_no_module_is_long():
    """A module of more than 300 lines holds more than one noun."""
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for package in (*PACKAGES, "scripts")
        for path in (ROOT / package).rglob("*.py")
    }
    assert {path: length for path, length in lengths.items() if length > 300} == {}


def test_only_the_api_knows_its_framework():
    """Neither the worker nor shared code loads a web framework."""
    assert importers_of(*WEB) <= files_under("api")


def test_sql_stays_out_of_the_routers():
    """Routers speak HTTP; a statement is built in queries, or in shared."""
    allowed = {"SQLAlchemyError"}
    for path in (path for path in SOURCES if path.startswith("api/routers/")):
        names = {name.split(".")[-1] for name in IMPORTED[path] if name.startswith("sqlalchemy.")}
        assert names - {"exc"} <= allowed, path


@pytest.mark.parametrize("path", SOURCES)
def test_no_module_reads_the_environment(path):
    """pydantic-settings reads it, in shared/settings.py; other modules are passed a settings object."""
    readers = {"environ", "environb", "getenv", "getenvb", "putenv"}
    used = {node.attr for node in ast.walk(SOURCES[path]) if isinstance(node, ast.Attribute)}
    named = {name.split(".")[-1] for name in IMPORTED[path]}
    assert not (used | named) & readers


def test_settings_classes_stand_in_two_files():
    """Every variable that a process reads is a field in shared/settings.py, or one of the API's settings."""
    with_settings_classes = {
        path
        for path, tree in SOURCES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        and any(ast.unparse(base).endswith("Settings") for base in node.bases)
    }
    assert with_settings_classes == {"shared/settings.py", "shared/api_settings.py"}
    assert importers_of("pydantic_settings") == {"shared/settings.py"}


def test_the_worker_imports_no_settings_of_the_api():
    """They import the rules of alerts, which the worker does not need."""
    importers = {path for path, names in IMPORTED.items() if "shared.api_settings" in names}
    assert not importers & files_under("ingest_worker")
