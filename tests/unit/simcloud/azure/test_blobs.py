"""Blobs and static websites."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import pytest

from simcloud.azure.blobs import asset_bytes
from simcloud.azure.errors import ProviderError

from .conftest import RG, Azure
from .test_storage import ACCOUNT, CONTAINER, account, container

SITE, BLOB = "storage:StorageAccountStaticWebsite", "storage:Blob"
PAGE = "시스템 점검 중입니다"


def website() -> dict[str, Any]:
    return {
        "resourceGroupName": RG,
        "accountName": "bloberry01",
        "indexDocument": "index.html",
        "error404Document": "maintenance/index.html",
    }


def blob(**more: Any) -> dict[str, Any]:
    return {
        "resourceGroupName": RG,
        "accountName": "bloberry01",
        "containerName": "$web",
        "blobName": "maintenance/index.html",
        "contentType": "text/html",
        "source": {"text": PAGE},
        **more,
    }


def test_a_site_and_its_page(site: Azure) -> None:
    site.make(ACCOUNT, account(), "a")
    site.refuses("ContainerNotFound", "The specified container does not exist.", BLOB, blob())
    web = site.make(SITE, website())
    assert web.id.endswith("/storageAccounts/bloberry01/staticWebsite")
    assert web.outputs == {"containerName": "$web"}
    assert site.called("storage.enable_static_website") == [
        (("bloberry01", "index.html", "maintenance/index.html"), {})
    ]
    page = site.make(BLOB, blob(), "page")
    assert page.outputs["url"] == "https://bloberry01.blob.core.windows.net/$web/maintenance/index.html"
    (call,) = site.called("storage.put_blob")
    assert call[0] == ("bloberry01", "$web", "maintenance/index.html", PAGE.encode(), "text/html")
    site.delete(page)
    assert site.called("storage.delete_blob") == [(("bloberry01", "$web", "maintenance/index.html"), {})]
    site.delete(web)
    assert site.called("storage.disable_static_website") == [(("bloberry01",), {})]


def test_a_site_needs_an_account_that_can(site: Azure) -> None:
    site.refuses("", 'storage account "bloberry01" not found', SITE, website())
    site.make(ACCOUNT, account(kind="BlobStorage", accessTier="Hot"), "a")
    site.refuses("FeatureNotSupportedForAccount", "account kind BlobStorage", SITE, website())


def test_a_blob_needs_its_container(site: Azure) -> None:
    site.make(ACCOUNT, account(), "a")
    given = blob(containerName="mysql-backups")
    site.refuses("ContainerNotFound", "does not exist", BLOB, given)
    site.make(CONTAINER, container(), "c")
    site.refuses("", '"source" cannot be specified', BLOB, given | {"type": "Append"})
    site.refuses("Md5Mismatch", "did not match", BLOB, given | {"contentMd5": "AAAA"})
    made = site.make(BLOB, given)
    assert base64.b64decode(made.outputs["contentMd5"]) == hashlib.md5(PAGE.encode()).digest()
    site.refuses("", "cannot create already existing resource", BLOB, given, "twin")


def test_contents_of_assets(tmp_path: Path) -> None:
    file = tmp_path / "index.html"
    file.write_bytes(b"<p>x</p>")
    assert asset_bytes({"path": str(file), "hash": "abc"}) == b"<p>x</p>"
    assert asset_bytes({"text": PAGE}) == PAGE.encode()
    assert asset_bytes({"text": ""}) == b""
    with pytest.raises(ProviderError):
        asset_bytes({"hash": "abc"})
