"""What the simulated clouds remember."""

from __future__ import annotations

from pathlib import Path

from simcloud.kinds import Resource
from simcloud.state import State

DEPLOYMENT = "kubernetes:apps/v1:Deployment"


def pod(home: str) -> Resource:
    return Resource(f"urn-{home}", DEPLOYMENT, "was/was", "kubernetes", "r", {"replicas": 2}, home=home)


def test_one_name_in_two_clusters(tmp_path: Path) -> None:
    """A standby's `was/was` must neither overwrite production's nor take it along when it goes."""
    state = State(tmp_path / "state.db")
    state.put(pod("https://eks"))
    state.put(pod("https://aks"))
    state.remove(DEPLOYMENT, "was/was", "https://aks")
    left = state.by_id(DEPLOYMENT, "was/was", "https://eks")
    assert left is not None and left.urn == "urn-https://eks"
    assert state.by_id(DEPLOYMENT, "was/was", "https://aks") is None
    state.close()


def test_it_outlives_the_process(tmp_path: Path) -> None:
    first = State(tmp_path / "state.db")
    first.put(pod("https://eks"))
    first.kv_put("scope", "key", {"value": 1})
    first.close()
    again = State(tmp_path / "state.db")
    found = again.by_id(DEPLOYMENT, "was/was", "https://eks")
    assert found is not None and found.inputs == {"replicas": 2} and found.created_at > 0
    assert again.kv_get("scope", "key") == {"value": 1}
    again.close()
