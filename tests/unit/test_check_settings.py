"""`python -m shared.check_settings`: the exit code and the line that compose shows for a wrong setting."""

import pytest

from shared import check_settings


@pytest.fixture
def check(monkeypatch, tmp_path, capsys):
    """Return a function that runs the command in an empty folder and returns its exit code and output."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MQTT_PORT", raising=False)
    monkeypatch.delenv("API_PROCESSES", raising=False)

    def run(process, **variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("sys.argv", ["check_settings", process])
        return check_settings.main(), capsys.readouterr()

    return run


@pytest.mark.parametrize("process", ["worker", "api"])
def test_settings_that_can_be_used(check, process):
    """Valid settings give no output."""
    code, said = check(process)
    assert (code, said.out, said.err) == (0, "", "")


def test_a_wrong_setting_is_one_line_with_its_name(check):
    """The line names the process and the variable."""
    code, said = check("worker", MQTT_PORT="eighteen")
    assert code == 2
    assert said.err.startswith("The worker does not start: MQTT_PORT")
    assert len(said.err.splitlines()) == 1


def test_each_process_is_asked_for_its_own_settings_only(check):
    """The worker is not kept from its work by a setting of the API's."""
    assert check("worker", API_PROCESSES="0")[0] == 0
    assert check("api")[0] == 2
