"""Home Assistant's own MQTT integration, a real mosquitto, a real a1d-mqtt and a simulated case, one behind the other.

Not found by pytest unless asked: 'make home-assistant' makes the environment that it needs.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_socket
from homeassistant.components import mqtt  # noqa: F401 - or its fixtures do not find it
from homeassistant.helpers import device_registry, entity_registry
from pytest_homeassistant_custom_component.common import MockConfigEntry

from tests.mqtt.broker import Bridge, Mosquitto, Somebody, closing_bridge
from tests.process import SimulatedDaemon

PROFILES = "profiles: {night: {max_percent: 40}}\nfan: {rise: 0s, hold: 1s}\n"
FAN = "fan.attic_fan"
TEMPERATURE = "sensor.attic_cpu_temperature"
DUTY = "sensor.attic_fan_duty"
HEALTH = "binary_sensor.attic_health"
BUTTON = "event.attic_power_button"
RESUME = "button.attic_resume_automatic"
ENTITIES = {FAN, TEMPERATURE, DUTY, HEALTH, BUTTON, RESUME}


class World:
    """All of it. ``hass`` is Home Assistant."""

    def __init__(self, hass: Any, daemon: SimulatedDaemon, broker: Mosquitto, bridge: Bridge) -> None:
        self.hass = hass
        self.daemon = daemon
        self.broker = broker
        self.bridge = bridge

    def state(self, entity: str) -> Any:
        return self.hass.states.get(entity)

    async def wait(self, what: str, true: Callable[[], bool], seconds: float = 15.0) -> None:
        for _ in range(int(seconds * 20)):
            with contextlib.suppress(AttributeError, KeyError):
                if true():
                    return
            await asyncio.sleep(0.05)
        shown = {each: (self.state(each) and self.state(each).as_dict()) for each in sorted(ENTITIES)}
        raise AssertionError(f"not within {seconds} s: {what}\n{json.dumps(shown, default=str, indent=1)}")

    async def wait_fan(self, state: str, percentage: int, preset: str | None) -> None:
        def true() -> bool:
            found = self.state(FAN)
            return (found.state, found.attributes["percentage"], found.attributes["preset_mode"]) == (
                state,
                percentage,
                preset,
            )

        await self.wait(f"the fan is {state}, {percentage} %, {preset}", true)

    async def fan(self, service: str, **data: Any) -> None:
        await self.hass.services.async_call("fan", service, {"entity_id": FAN, **data}, blocking=True)

    def status(self) -> dict[str, Any]:
        return self.daemon.status()


@pytest.fixture(autouse=True)
def verify_cleanup() -> None:
    """In the place of the harness's own, which takes no thread that is not Home Assistant's."""


@pytest.fixture
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Any, Any]]:
    """What is not Home Assistant."""
    pytest_socket._remove_restrictions()  # the harness lets nobody connect
    here = tmp_path_factory.mktemp("outside")
    for each in (here, here.parent, here.parent.parent):
        with contextlib.suppress(PermissionError):
            each.chmod(0o755)
    (here / "config.yaml").write_text(PROFILES)
    daemon = SimulatedDaemon(here, "--config", str(here / "config.yaml"))
    broker = Mosquitto(here)
    try:
        daemon.wait_notified("READY=1")
        daemon.call("org.a1d.simulation.SetLoad", watts=0.0)  # cool, and so with the fan at 0
        broker.start()
        with closing_bridge(Bridge(here, broker.port, daemon.socket_path, "steering: true\n")) as bridge:
            yield daemon, broker, bridge
    finally:
        broker.stop()
        daemon.close()


@pytest.fixture
async def world(hass: Any, outside: tuple[Any, Any, Any], mock_hass_config: None) -> AsyncIterator[World]:
    """With every entity found, and available."""
    daemon, broker, bridge = outside
    entry = MockConfigEntry(
        domain="mqtt", title="MQTT", data={"broker": "127.0.0.1", "port": broker.port, "discovery": True}
    )
    entry.add_to_hass(hass)
    found = World(hass, daemon, broker, bridge)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await found.wait(
        "every entity is there", lambda: all(found.state(each).state != "unavailable" for each in ENTITIES)
    )
    yield found
    await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done()


async def test_every_entity_is_listed_and_belongs_to_one_device(world: World) -> None:
    entities = entity_registry.async_get(world.hass).entities
    assert set(entities) == ENTITIES
    (device,) = device_registry.async_get(world.hass).devices.values()
    assert (device.name, device.manufacturer, device.model) == ("Attic", "Argon40", "ARGON ONE V3 (simulated)")
    assert {entry.device_id for entry in entities.values()} == {device.id}
    for entity in sorted(ENTITIES):
        print(f"{entity:32} {world.state(entity).state}")
    await world.wait("a temperature", lambda: 20 < float(world.state(TEMPERATURE).state) < 90)
    assert world.state(TEMPERATURE).attributes["unit_of_measurement"] == "°C"
    assert world.state(HEALTH).state == "off"
    assert world.state(BUTTON).state == "unknown", "nobody has pressed it"
    assert world.state(FAN).attributes["preset_modes"] == ["auto", "night"]
    assert world.state(BUTTON).attributes["event_types"] == ["double_press", "hold"]


async def test_the_fan_is_steered(world: World) -> None:
    await world.fan("set_percentage", percentage=60)
    await world.wait_fan("on", 60, None)
    assert world.status()["manual_percent"] == 60
    await world.fan("turn_off")
    await world.wait_fan("off", 0, None)
    assert world.status()["manual_percent"] == 0
    await world.fan("turn_on")
    await world.wait("automatic again", lambda: world.status()["mode"] == "automatic")
    await world.fan("turn_on", percentage=45)
    await world.wait_fan("on", 45, None)
    await world.fan("set_percentage", percentage=0)
    await world.wait_fan("off", 0, None)
    await world.fan("set_preset_mode", preset_mode="night")
    await world.wait("night", lambda: world.state(FAN).attributes["preset_mode"] == "night")
    assert world.status()["profile"]["name"] == "night"
    await world.fan("set_preset_mode", preset_mode="auto")
    await world.wait("auto", lambda: world.state(FAN).attributes["preset_mode"] == "auto")
    assert world.status()["profile"] is None
    await world.fan("set_percentage", percentage=30)
    await world.wait_fan("on", 30, None)
    await world.hass.services.async_call("button", "press", {"entity_id": RESUME}, blocking=True)
    await world.wait("automatic by the button", lambda: world.status()["mode"] == "automatic")


async def test_a_fan_that_is_only_cool_is_on(world: World) -> None:
    """Or it would snap back to off whenever somebody turns it on."""
    await world.wait_fan("on", 0, "auto")
    await world.fan("turn_on")
    await asyncio.sleep(1.5)
    assert world.state(FAN).state == "on"
    assert world.status()["mode"] == "automatic"


async def test_a_duty_that_is_raised_shows_what_it_is(world: World) -> None:
    await world.fan("set_percentage", percentage=3)
    await world.wait_fan("on", 10, None)


async def test_an_emergency_beats_it_and_is_seen(world: World) -> None:
    await world.fan("turn_off")
    await world.wait_fan("off", 0, None)
    world.daemon.fault("sensor-dead", True)
    await world.wait_fan("on", 100, None)
    await world.wait("a problem", lambda: world.state(HEALTH).state == "on")
    await world.wait("failsafe", lambda: world.state(HEALTH).attributes["health"] == "failsafe")
    assert world.state(HEALTH).attributes["problems"]
    await world.wait("no temperature", lambda: world.state(TEMPERATURE).state == "unknown")


async def test_a_press_is_an_event(world: World) -> None:
    world.daemon.call("org.a1d.simulation.Press", gesture="double_press")
    await world.wait("it", lambda: world.state(BUTTON).attributes.get("event_type") == "double_press")
    before = world.state(BUTTON).state
    await asyncio.sleep(2)
    assert world.state(BUTTON).state == before, "once"


async def test_killed_it_is_unavailable_and_comes_back(world: World) -> None:
    world.bridge.process.send_signal(signal.SIGKILL)
    await world.wait("unavailable", lambda: all(world.state(each).state == "unavailable" for each in ENTITIES))
    world.bridge.process.wait(10)
    world.bridge.again()
    await world.wait("back", lambda: all(world.state(each).state != "unavailable" for each in ENTITIES))


async def test_without_the_daemon_it_is_unavailable(world: World) -> None:
    world.daemon.close()
    await world.wait("unavailable", lambda: all(world.state(each).state == "unavailable" for each in ENTITIES))


async def test_home_assistant_that_starts_anew_has_every_entity_at_once(world: World) -> None:
    """The broker has lost what was retained, as one without persistence does."""
    (entry,) = world.hass.config_entries.async_entries("mqtt")
    await world.hass.config_entries.async_unload(entry.entry_id)
    world.broker.stop()
    world.broker.start()
    assert await world.hass.config_entries.async_setup(entry.entry_id)
    await world.wait("back", lambda: all(world.state(each).state != "unavailable" for each in ENTITIES), 25)
    await world.wait("a temperature", lambda: 20 < float(world.state(TEMPERATURE).state) < 90)


async def test_forgotten_it_is_gone(world: World) -> None:
    world.bridge.end()
    done = await asyncio.to_thread(world.bridge.run, "--forget")
    assert done.returncode == 0, done.stderr
    await world.wait("no entity", lambda: not set(entity_registry.async_get(world.hass).entities))
    assert not device_registry.async_get(world.hass).devices


async def test_read_only_takes_the_fan_away(world: World, tmp_path: Path) -> None:
    world.bridge.end()
    text = world.bridge._config.read_text().replace("steering: true", "steering: false")
    world.bridge._config.write_text(text)
    world.bridge.again()
    await world.wait(
        "fan and button are gone",
        lambda: set(entity_registry.async_get(world.hass).entities) == ENTITIES - {FAN, RESUME},
    )


async def test_nothing_that_it_says_is_odd_to_home_assistant(world: World, caplog: pytest.LogCaptureFixture) -> None:
    listener = await asyncio.to_thread(Somebody, world.broker.port)
    try:
        listener.say("homeassistant/status", "online")
        await asyncio.sleep(1)
    finally:
        await asyncio.to_thread(listener.close)
    odd = [record.getMessage() for record in caplog.records if "mqtt" in record.name and record.levelno >= 30]
    assert odd == []
