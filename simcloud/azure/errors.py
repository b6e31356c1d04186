"""Azure Resource Manager's refusals: how they read through azure-native, and the texts that several kinds share.

Shape of the message: pulumi-azure-native `provider/pkg/azure/client_azcore.go`, `PulumiAzcoreResponseError.Error()`.

A number such as Azure/AKS#695 names the public thread that quotes a text; a page name such as
concepts-high-availability.md the page of Microsoft's documentation behind a rule. [recalled]: the text as it is
commonly seen, no thread at hand. [closest]: no recording found; code or text is the nearest that fits the documented
rule.
"""

from __future__ import annotations

from simcloud.kinds import CloudError

REGIONS: tuple[str, ...] = tuple(
    """
    australiacentral australiaeast australiasoutheast brazilsouth canadacentral canadaeast centralindia centralus
    eastasia eastus eastus2 francecentral germanywestcentral israelcentral italynorth japaneast japanwest
    koreacentral koreasouth mexicocentral newzealandnorth northcentralus northeurope norwayeast polandcentral
    qatarcentral southafricanorth southcentralus southeastasia southindia spaincentral swedencentral
    switzerlandnorth uaenorth uksouth ukwest westcentralus westeurope westindia westus westus2 westus3
    """.split()  # noqa: SIM905 - a table, not a list to edit
)
"""Public regions in ARM's normalised spelling."""


class ArmError(CloudError):
    """A refusal by ARM or a resource provider; `status` is the HTTP status it came with."""

    def __init__(self, code: str, message: str, *, status: int = 400, retryable: bool = False) -> None:
        super().__init__(code, message, retryable=retryable)
        self.status = status

    def __str__(self) -> str:
        if not self.code:
            return f'Status={self.status} Message="{self.message}"'
        return f'Status={self.status} Code="{self.code}" Message="{self.message}"'


class ProviderError(CloudError):
    """A refusal by azure-native itself, before any call: plain text without a code."""

    def __init__(self, message: str) -> None:
        super().__init__("", message)

    def __str__(self) -> str:
        return self.message


def already_exists(arm_id: str) -> ProviderError:
    """azure-native looks before it creates (`CanCreate` in client_azcore.go)."""
    return ProviderError(f"cannot create already existing resource '{arm_id}'")


def resource_group_not_found(name: str) -> ArmError:
    """https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-not-found"""
    return ArmError("ResourceGroupNotFound", f"Resource group '{name}' could not be found.", status=404)


def parent_not_found(name: str) -> ArmError:
    """microsoftarchive/Learn-LTI#116"""
    text = f"Can not perform requested operation on nested resource. Parent resource '{name}' not found."
    return ArmError("ParentResourceNotFound", text, status=404)


def resource_not_found(arm_type: str, name: str, group: str) -> ArmError:
    """Azure/azure-resource-manager-schemas#535"""
    text = f"The Resource '{arm_type}/{name}' under resource group '{group}' was not found."
    return ArmError("ResourceNotFound", text, status=404)


def invalid_reference(referenced: str, by: str) -> ArmError:
    """dmauser/opnazure#5, mspnp/template-building-blocks#323"""
    return ArmError(
        "InvalidResourceReference",
        f"Resource {referenced} referenced by resource {by} was not found. Please make sure that the referenced "
        "resource exists, and that both resources are in the same region.",
    )


def invalid_parameter(name: str) -> ArmError:
    """The flexible servers' generic refusal: Azure/azure-sdk-for-python#44200, Azure/azure-cli#33836"""
    text = f"Invalid value given for parameter {name}. Specify a valid parameter value."
    return ArmError("InvalidParameterValue", text)


def location_not_available(location: str, arm_type: str, available: tuple[str, ...]) -> ArmError:
    """Azure/azure-rest-api-specs#8577"""
    return ArmError(
        "LocationNotAvailableForResourceType",
        f"The provided location '{location}' is not available for resource type '{arm_type}'. List of available "
        f"regions for the resource type is '{','.join(available)}'.",
    )


def location_not_available_for_group(location: str) -> ArmError:
    """cloud-barista/cb-spider#527"""
    return ArmError(
        "LocationNotAvailableForResourceGroup",
        f"The provided location '{location}' is not available for resource group. List of available regions is "
        f"'{','.join(REGIONS)}'.",
    )


def location_changed(name: str, group: str, old: str, new: str) -> ArmError:
    """[recalled]"""
    return ArmError(
        "InvalidResourceLocation",
        f"The resource '{name}' already exists in location '{old}' in resource group '{group}'. A resource with the "
        f"same name cannot be created in location '{new}'. Please select a new resource name.",
        status=409,
    )


def property_change(name: str) -> ArmError:
    """Azure/AKS#695"""
    return ArmError("PropertyChangeNotAllowed", f"Changing property '{name}' is not allowed.")


def identity_not_found(resource: str, identity: str) -> ArmError:
    """[recalled]"""
    inner = f'{{"error":{{"code":"BadRequest","message":"Resource \'{identity}\' was not found."}}}}'
    return ArmError(
        "FailedIdentityOperation",
        f"Identity operation for resource '{resource}' failed with error 'Failed to perform resource identity "
        f"operation. Status: 'BadRequest'. Response: '{inner}'.'.",
    )
