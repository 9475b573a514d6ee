import pytest

from scripts.simulator import replay
from scripts.simulator.reading import encode

HEADER = "vin,ts,soc,soh,pack_voltage,pack_current,max_temp,min_temp,odo_km\n"
ROW = "VIN-00001,2026-01-24T12:00:00Z,75.1,,386.8,-1.84,26,,48210.0\n"


@pytest.fixture
def recording(tmp_path):
    """Write a recording and give its path."""

    def write(text, encoding="utf-8"):
        path = tmp_path / "trip.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return write


def test_numbers_and_times_stay_as_they_are(recording):
    """386.8 stays 386.8, an empty cell is null, and the time is the file's own text."""
    loaded = replay.load(recording(HEADER + ROW))
    assert encode(loaded[0].reading) == (
        b'{"vin":"VIN-00001","ts":"2026-01-24T12:00:00Z","soc":75.1,"soh":null,"pack_voltage":386.8,'
        b'"pack_current":-1.84,"max_temp":26.0,"min_temp":null,"odo_km":48210.0}'
    )


def test_byte_order_mark_blank_lines_and_further_columns_are_fine(recording):
    """Files as spreadsheets write them are taken."""
    text = "\ufeffnote," + HEADER + "x," + ROW + "\r\n" + "y," + ROW
    assert len(replay.load(recording(text))) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("vin,ts,soc\n", "line 1: column soh is missing"),
        ("", "line 1: column vin is missing"),
        (HEADER, "holds no readings"),
        (HEADER + ROW + ROW.replace("386.8", "386,8"), "line 3: 10 cells for 9 columns"),
        (HEADER + "VIN-00001,2026-01-24T12:00:00Z,75.1\n", "line 2: 3 cells for 9 columns, column soh"),
        (HEADER + ROW + ROW.replace("386.8", "high"), "line 3, column pack_voltage: 'high' is not a number"),
        (HEADER + ROW.replace("75.1", "nan"), "line 2, column soc: 'nan' is not a number"),
        (HEADER + ROW.replace("75.1", "1e999"), "line 2, column soc: '1e999' is not a number"),
        (HEADER + ROW.replace("75.1", "7_5"), "line 2, column soc: '7_5' is not a number"),
        (HEADER + ROW.replace("12:00:00Z", "12:00:00"), "line 2, column ts"),
        (HEADER + ROW.replace("2026-01-24T12:00:00Z", "noon"), "line 2, column ts: 'noon'"),
        (HEADER + ROW.replace("VIN-00001", "a/b"), "line 2, column vin: 'a/b'"),
        (HEADER + ROW.replace("75.1", '"75.1'), "line 2: unexpected end"),
    ],
)
def test_broken_file_is_named_with_line_and_column(recording, text, message):
    """Each fault gets one sentence with the file's name and the place."""
    path = recording(text)
    with pytest.raises(replay.BrokenRecordingError) as raised:
        replay.load(path)
    assert str(raised.value).startswith(str(path))
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_absent_and_binary_files(recording, tmp_path):
    """A file that isn't there, or isn't text, is named too."""
    with pytest.raises(replay.BrokenRecordingError, match=r"absent\.csv: No such file"):
        replay.load(tmp_path / "absent.csv")
    with pytest.raises(replay.BrokenRecordingError, match="is not UTF-8"):
        replay.load(recording(HEADER + ROW, "utf-16"))


def rows(*seconds):
    return HEADER + "".join(ROW.replace("12:00:00", f"12:00:{second:02}") for second in seconds)


def test_pace_is_the_recordings_own(recording):
    """Readings leave in order of time, as far apart as they were taken, or closer by the speedup."""
    loaded = replay.load(recording(rows(10, 0, 4)))
    due = list(replay.schedule(loaded, speedup=2, shuffle_seed=None))
    assert [reading.due_s for reading in due] == [0, 2, 5]
    assert [reading.reading["ts"][17:19] for reading in due] == ["00", "04", "10"]


def test_speedup_0_keeps_the_files_order(recording):
    """As fast as it goes, line by line."""
    loaded = replay.load(recording(rows(10, 0, 4)))
    due = list(replay.schedule(loaded, speedup=0, shuffle_seed=None))
    assert [reading.due_s for reading in due] == [0, 0, 0]
    assert [reading.reading["ts"][17:19] for reading in due] == ["10", "00", "04"]


def test_shuffle_is_seeded_and_loses_nothing(recording):
    """The same seed gives the same disorder of the same readings."""
    loaded = replay.load(recording(rows(*range(60))))
    plain, first, again, other = (
        [due.reading["ts"] for due in replay.schedule(loaded, speedup=1, shuffle_seed=seed)]
        for seed in (None, 1, 1, 2)
    )
    assert first == again
    assert first not in (plain, other)
    assert sorted(first) == plain
