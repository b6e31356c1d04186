"""Encryption at rest, with our own key where the service takes one, and on every hop (R19, DESIGN 3.7, 3.8)."""

from __future__ import annotations

from collections.abc import Iterator

from policy.model import (
    Finding,
    Resource,
    Severity,
    is_missing,
    is_off,
    known,
    known_list,
    on_resource,
    on_stack,
)

LISTENER = ("aws:lb/listener:Listener", "aws:alb/listener:Listener")
DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
GATEWAY = "azure-native:network:ApplicationGateway"
BUCKETS = ("aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2")
BUCKET_ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration"
# Type → what must be true of it.
MUST_BE_TRUE = {
    "aws:rds/instance:Instance": "storageEncrypted",
    "aws:rds/cluster:Cluster": "storageEncrypted",
    "aws:ebs/volume:Volume": "encrypted",
    "aws:efs/fileSystem:FileSystem": "encrypted",
    "aws:kms/key:Key": "enableKeyRotation",
    "azure-native:storage:StorageAccount": "enableHttpsTrafficOnly",
}
# Type → the property that names a KMS key of ours.
MUST_HAVE_KEY = {
    "aws:sns/topic:Topic": "kmsMasterKeyId",
    "aws:cloudwatch/logGroup:LogGroup": "kmsKeyId",
    "aws:secretsmanager/secret:Secret": "kmsKeyId",
}
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html
ALB_POLICIES = ("ELBSecurityPolicy-TLS13-1-2-", "ELBSecurityPolicy-TLS13-1-3-")
# https://learn.microsoft.com/azure/application-gateway/application-gateway-ssl-policy-overview
GATEWAY_POLICIES = ("AppGwSslPolicy20220101", "AppGwSslPolicy20220101S")


@on_resource(
    "encrypted-at-rest",
    says="Data at rest is encrypted, with our own rotating key where the service takes one.",
    remedy="Turn on the property that is named; the key of data is made in components/aws/secrets.py, that of logs "
    "and notifications in components/aws/encryption.py.",
    severity=Severity.CRITICAL,
)
def encrypted_at_rest(resource: Resource) -> Iterator[str]:
    path = MUST_BE_TRUE.get(resource.type)
    if path and is_off(resource.get(path)):
        yield f"{path} is not on"
    path = MUST_HAVE_KEY.get(resource.type)
    if path and is_missing(resource.get(path)):
        yield f"{path} names no key"
    if resource.type == "aws:sqs/queue:Queue":
        key, managed = resource.get("kmsMasterKeyId"), resource.get("sqsManagedSseEnabled")
        if is_missing(key) and is_off(managed):
            yield "neither kmsMasterKeyId nor sqsManagedSseEnabled is set"
    if resource.type == "aws:eks/cluster:Cluster":
        what = resource.get("encryptionConfig.resources")
        if known(what) and "secrets" not in known_list(what):
            yield "Kubernetes secrets are not encrypted (encryptionConfig)"
    if resource.type == "aws:ec2/launchTemplate:LaunchTemplate":
        yield from _disks(resource, "blockDeviceMappings", "ebs.encrypted")


def _disks(resource: Resource, path: str, flag: str) -> Iterator[str]:
    disks = resource.get(path)
    if is_missing(disks):
        yield f"{path} says nothing of the disk, which then is as the image has it"
    for disk in known_list(disks):
        encrypted = Resource(type="", props=disk).get(flag)
        if is_off(encrypted):
            yield f"the disk {disk.get('deviceName')} is not encrypted"


@on_stack(
    "buckets-are-private-and-encrypted",
    says="Every bucket blocks public access, is encrypted by a setting of its own and refuses plain HTTP.",
    remedy="Give the bucket a BucketPublicAccessBlock with all four settings, a "
    "BucketServerSideEncryptionConfiguration, and a policy that denies requests without aws:SecureTransport.",
    severity=Severity.CRITICAL,
)
def buckets_are_private_and_encrypted(resources: list[Resource]) -> Iterator[Finding]:
    for bucket in resources:
        if bucket.type not in BUCKETS:
            continue
        mine = [one for one in resources if one.type.startswith("aws:s3/bucket") and _of(one, bucket)]
        blocks = [one for one in mine if one.type.startswith("aws:s3/bucketPublicAccessBlock")]
        four = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
        if not any(all(not is_off(one.get(flag)) for flag in four) for one in blocks):
            yield Finding(
                text=f"{bucket.name}: public access is not blocked by all four settings", urn=bucket.urn
            )
        if not any(one.type.startswith(BUCKET_ENCRYPTION) for one in mine) and is_missing(
            bucket.get("serverSideEncryptionConfiguration")
        ):
            yield Finding(text=f"{bucket.name}: no encryption is set", urn=bucket.urn)
        policies = [one for one in mine if one.type.startswith("aws:s3/bucketPolicy:")]
        if not any(not known(one.get("policy")) or _refuses_http(one.get("policy")) for one in policies):
            yield Finding(text=f"{bucket.name}: plain HTTP is not refused", urn=bucket.urn)


def _of(part: Resource, bucket: Resource) -> bool:
    named = part.get("bucket")
    if not known(named) or part is bucket:
        return part is not bucket and not known(named)
    names = [bucket.get("bucket"), bucket.get("id"), bucket.get("arn")]
    return any(not known(one) or (one and one == named) for one in names)


def _refuses_http(policy: object) -> bool:
    text = str(policy).replace(" ", "").lower()
    return '"aws:securetransport":"false"' in text and '"deny"' in text


@on_resource(
    "database-takes-tls-only",
    says="Databases refuse connections without TLS.",
    remedy="Set require_secure_transport to 1 (RDS parameter group) or ON (Azure) and let the instance use "
    "that group.",
    severity=Severity.HIGH,
)
def database_takes_tls_only(resource: Resource) -> Iterator[str]:
    if resource.type == "aws:rds/parameterGroup:ParameterGroup" and str(resource.get("family")).startswith(
        "mysql"
    ):
        parameters = resource.get("parameters")
        if known(parameters):
            values = {one.get("name"): one.get("value") for one in known_list(parameters)}
            value = values.get("require_secure_transport")
            if known(value) and str(value).upper() not in ("1", "ON"):
                yield "require_secure_transport is not on"
    if resource.type == "aws:rds/instance:Instance":
        group = resource.get("parameterGroupName")
        if is_missing(group) or (isinstance(group, str) and group.startswith("default.")):
            yield "it uses AWS's default parameter group, which takes connections without TLS"
    if (
        resource.type == "azure-native:dbformysql:Configuration"
        and resource.get("configurationName") == "require_secure_transport"
        and known(resource.get("value"))
        and str(resource.get("value")).upper() != "ON"
    ):
        yield "require_secure_transport is not ON"


@on_stack(
    "plain-http-only-redirects",
    says="Where a certificate is there, plain HTTP does nothing but redirect to HTTPS.",
    remedy="Let the listener on port 80 redirect to HTTPS, and let CloudFront reach its origins by "
    "https-only.",
    severity=Severity.HIGH,
)
def plain_http_only_redirects(resources: list[Resource]) -> Iterator[Finding]:
    secured = _has_certificate(resources)
    for one in resources:
        for text in _plain(one):
            if secured or (one.type == GATEWAY and _terminates(one)):
                yield Finding(text=f"{one.name}: {text}", urn=one.urn)
    for one in resources:
        if one.type == DISTRIBUTION:
            behaviours = [one.get("defaultCacheBehavior"), *one.each("orderedCacheBehaviors")]
            for behaviour in behaviours:
                policy = Resource(type="", props={"b": behaviour}).get("b.viewerProtocolPolicy")
                if policy == "allow-all":
                    yield Finding(text=f"{one.name}: customers may use plain HTTP (allow-all)", urn=one.urn)


@on_stack(
    "plain-hop-without-a-domain",
    says="Without a domain of our own there is no certificate for the origin, and the hop behind "
    "CloudFront is plain HTTP.",
    remedy="Set planb:domain (with planb:hostedZoneId on AWS); then this hop has a certificate and is "
    "HTTPS only. Until then the origin answers only requests that carry the edge's secret header.",
    severity=Severity.MEDIUM,
    mandatory=False,
)
def plain_hop_without_a_domain(resources: list[Resource]) -> Iterator[Finding]:
    secured = _has_certificate(resources)
    for one in resources:
        if not secured and not (one.type == GATEWAY and _terminates(one)):
            for text in _plain(one):
                yield Finding(text=f"{one.name}: {text}", urn=one.urn)


def _has_certificate(resources: list[Resource]) -> bool:
    """A domain is there: a listener or the distribution has a certificate of ours."""
    return any(
        (one.type in LISTENER and str(one.get("protocol")).upper() in ("HTTPS", "TLS"))
        or (one.type == DISTRIBUTION and bool(known_list(one.get("aliases"))))
        for one in resources
    )


def _terminates(gateway: Resource) -> bool:
    return any(one.get("protocol") == "Https" for one in gateway.each("httpListeners"))


def _plain(resource: Resource) -> Iterator[str]:
    """What lets a request pass in plain HTTP."""
    if resource.type in LISTENER and str(resource.get("protocol")).upper() == "HTTP":
        for action in resource.each("defaultActions"):
            redirect = Resource(type="", props=action).get("redirect.protocol")
            if known(redirect) and str(redirect).upper() != "HTTPS":
                yield f"port {resource.get('port')} takes plain HTTP"
                break
    if resource.type == DISTRIBUTION:
        for origin in resource.each("origins"):
            policy = Resource(type="", props=origin).get("customOriginConfig.originProtocolPolicy")
            if policy in ("http-only", "match-viewer"):
                yield f"the origin {origin.get('originId')} is reached by plain HTTP"
    if resource.type == GATEWAY:
        redirecting = {
            str(Resource(type="", props=rule).get("httpListener.id")).rpartition("/")[2]
            for rule in resource.each("requestRoutingRules")
            if not is_missing(rule.get("redirectConfiguration"))
        }
        for listener in resource.each("httpListeners"):
            if listener.get("protocol") == "Http" and listener.get("name") not in redirecting:
                yield f"the listener {listener.get('name')} takes plain HTTP"


@on_resource(
    "tls-is-new-enough",
    says="TLS 1.2 is the oldest that anything of ours speaks.",
    remedy="ALB: ELBSecurityPolicy-TLS13-1-2-2021-06 or newer. Application Gateway: AppGwSslPolicy20220101 "
    "(Azure refuses older ones). CloudFront: minimum_protocol_version TLSv1.2_2021 and "
    "origin_ssl_protocols TLSv1.2. Storage: TLS1_2.",
    severity=Severity.HIGH,
)
def tls_is_new_enough(resource: Resource) -> Iterator[str]:
    if resource.type in LISTENER and str(resource.get("protocol")).upper() in ("HTTPS", "TLS"):
        policy = resource.get("sslPolicy")
        if known(policy) and not str(policy).startswith(ALB_POLICIES):
            yield f"the listener's sslPolicy is {policy or 'AWS default of 2016'}"
    if resource.type == GATEWAY:
        name = resource.get("sslPolicy.policyName")
        if known(name) and name not in GATEWAY_POLICIES:
            yield f"the gateway's policy is {name or 'Azure default, AppGwSslPolicy20150501'}"
    if resource.type == DISTRIBUTION:
        own = is_off(resource.get("viewerCertificate.cloudfrontDefaultCertificate"))
        oldest = resource.get("viewerCertificate.minimumProtocolVersion")
        if own and known(oldest) and not str(oldest).startswith(("TLSv1.2", "TLSv1.3")):
            yield f"the oldest protocol for customers is {oldest or 'SSLv3'}"
        for origin in resource.each("origins"):
            spoken = Resource(type="", props=origin).get("customOriginConfig.originSslProtocols")
            old = [one for one in known_list(spoken) if str(one) not in ("TLSv1.2", "TLSv1.3")]
            if old:
                yield f"the origin {origin.get('originId')} may be spoken to in {', '.join(map(str, old))}"
    if resource.type == "azure-native:storage:StorageAccount":
        version = resource.get("minimumTlsVersion")
        if known(version) and version not in ("TLS1_2", "TLS1_3"):
            yield f"minimumTlsVersion is {version or 'not set'}"


ENCRYPTION = [
    encrypted_at_rest,
    buckets_are_private_and_encrypted,
    database_takes_tls_only,
    plain_http_only_redirects,
    plain_hop_without_a_domain,
    tls_is_new_enough,
]
