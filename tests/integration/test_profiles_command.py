"""Profiles of many vehicles as CSV: stored all or none, tried first, read back."""

import pytest

from shared import profiles
from shared.storage.store_profiles import stored_profiles
from shared.vehicle_profile import Chemistry, Profile


@pytest.fixture
def run(monkeypatch, tmp_path, capsys, database_url):
    """Run the command with a CSV: `run("import", text, "--dry-run")` returns code, output and errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", database_url)

    def start(command, content=None, *options):
        arguments = [command, *options]
        if content is not None:
            (tmp_path / "cars.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
            arguments.append("cars.csv")
        code = profiles.main(arguments)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return start


def stored(engine):
    with engine.begin() as connection:
        return stored_profiles(connection)


CARS = '''vin,capacity_ah,chemistry,series_cells,first_use_date,name,group,plate,current_sign
vin-00001,60,NMC,96,2021-05-17,Van 1,Depot North,B-EV 1,
VIN-00002,7.65,LFP,16,,"Scooter ""2""",,,-1
'''


def test_a_dry_run_says_what_would_change_and_stores_nothing(run, engine):
    code, out, err = run("import", CARS, "--dry-run")
    assert (code, err) == (0, "")
    assert "VIN-00001: series_cells unknown -> 96, chemistry unknown -> NMC, capacity_ah unknown" in out
    assert "2 profiles read, 2 would be changed." in out
    assert stored(engine) == {}


def test_profiles_are_stored_and_read_back(run, engine):
    code, out, _ = run("import", CARS)
    assert code == 0
    assert "2 profiles read, 2 changed." in out
    found = stored(engine)
    assert found["VIN-00001"].name == "Van 1"
    assert found["VIN-00001"].group == "Depot North"
    assert found["VIN-00001"].chemistry is Chemistry.NMC
    assert found["VIN-00002"] == Profile(
        capacity_ah=7.65, chemistry="LFP", series_cells=16, name='Scooter "2"', current_sign=-1
    )
    _, exported, _ = run("export")
    code, out, _ = run("import", exported)
    assert (code, out) == (0, "2 profiles read, 0 changed.\n")


def test_a_field_without_a_column_stays_and_an_empty_cell_is_unknown(run, engine):
    run("import", CARS)
    code, out, _ = run("import", "vin;capacity_ah;name\nVIN-00001;58,5;\n")
    assert code == 0
    assert "VIN-00001: capacity_ah 60.0 -> 58.5, name Van 1 -> unknown" in out
    found = stored(engine)["VIN-00001"]
    assert (found.capacity_ah, found.name, found.plate) == (58.5, None, "B-EV 1")


def test_a_file_of_a_spreadsheet_with_a_byte_order_mark_and_blank_lines(run, engine):
    code, _, _ = run("import", "\ufeffVIN, Name\r\nVIN-00001, Müller\r\n,\r\n\r\n")
    assert code == 0
    assert stored(engine)["VIN-00001"].name == "Müller"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("vin,colour\n", "line 1: 'colour' is no field; there are vin, series_cells"),
        ("name\nA\n", "line 1: has no column vin"),
        ("", "line 1: has no column vin"),
        ("vin,vin\n", "line 1: vin stands twice"),
        ("vin\nX\n", "line 2: vin: "),
        ("vin\nVIN-00009\nvin-00009\n", "line 3: vin: VIN-00009 stands twice"),
        ("vin,name\nVIN-00009\n", "line 2: has 1 cells, the header has 2"),
        ("vin,capacity_ah\nVIN-00009,much\n", "line 2: capacity_ah: "),
        ("vin,capacity_ah\nVIN-00009,nan\n", "line 2: capacity_ah: "),
        ("vin,series_cells\nVIN-00009,96.5\n", "line 2: series_cells: "),
        ("vin,capacity_ah\nVIN-00009,0\n", "line 2: capacity_ah: should be greater than or equal to 0.1"),
        ("vin,first_use_date\nVIN-00009,2090-01-01\n", "line 2: first_use_date: must not lie in the future"),
        ("vin,first_use_date\nVIN-00009,1.2.2020\n", "line 2: first_use_date: must be a date such as"),
        ("vin,current_sign\nVIN-00009,2\n", "line 2: current_sign: "),
        ('vin,name\nVIN-00009,"open\n', "is not CSV"),
        (b"vin\n\xff\n", "is not UTF-8 (byte 4)"),
    ],
)
def test_a_mistake_is_named_and_nothing_is_stored(run, engine, content, reason):
    code, out, err = run("import", content)
    assert code == 2
    assert out == ""
    assert reason in err
    assert "Nothing was stored." in err
    assert stored(engine) == {}


def test_all_mistakes_of_a_file_are_named_and_the_good_lines_are_not_stored(run, engine):
    lines = ["vin,capacity_ah", "VIN-00001,60", "VIN-00002,-1", "VIN-00003,x"]
    code, _, err = run("import", "\n".join(lines))
    assert code == 2
    assert "line 3: capacity_ah" in err
    assert "line 4: capacity_ah" in err
    assert stored(engine) == {}


def test_a_file_that_is_not_there(run):
    code = profiles.main(["import", "none.csv"])
    assert code == 2
