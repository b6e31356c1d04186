"""The AWS endpoint (AWS_ENDPOINT_URL): moto behind a front that knows which region is dark.

The front reads region and service from the request's signature. CloudFront's key-value store and SSM's Run Command
act on simulated things and are answered here; all else is moto's.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import threading
import time
import uuid
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

import boto3
from botocore.config import Config
from moto.server import ThreadedMotoServer

from simcloud.aws import healthstatus, targets, versions
from simcloud.edge import kvs
from simcloud.kinds import CloudError
from simcloud.network import Network
from simcloud.state import State

ACCESS_KEY, SECRET_KEY = "AKIAIOSFODNN7EXAMPLE", "planb-embedded-clouds"
_SCOPE = re.compile(
    r"Credential=[^/]+/\d{8}/(?:(?P<region>[a-z0-9-]+)/)?(?P<service>[a-z0-9-]+)/aws4_request"
)
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "server", "date"}
SECRETS = "aws:secrets"
"""Scope of the secrets that moto has to be filled with: name → {"region", "arn", "value"}."""
STDOUT_LIMIT = 24_000  # what SSM keeps of a command's output

_XML = {"Content-Type": "text/xml"}

RunCommand = Callable[[tuple[str, str], str, float], "tuple[int, str, str] | None"]
"""(tag, script, timeout) → (exit code, stdout, stderr); None when no instance has the tag."""


class AwsApi:
    """One HTTP listener on loopback; `url` is the endpoint."""

    def __init__(self, state: State, network: Network, propagation_s: Callable[[], float]) -> None:
        self._state, self._network, self._propagation_s = state, network, propagation_s
        self._moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self.run_command: RunCommand | None = None
        self.online: Callable[[tuple[str, str]], list[str]] = lambda tag: []
        self.targets: targets.Health = lambda arn: None
        self.scale: Callable[[str, int | None], int] | None = None
        self._commands: dict[str, dict[str, Any]] = {}
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def forward(self) -> None:
                front.answer(self)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = forward

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing: the operations log tells what matters."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> None:
        self._moto.start()
        self._moto_port = int(self._moto.get_host_and_port()[1])
        threading.Thread(target=self._server.serve_forever, name="aws", daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._moto.stop()

    def client(self, service: str, region: str) -> Any:
        """A boto3 client on moto itself, past darkness and proxy settings: the control plane's own."""
        session = boto3.Session(ACCESS_KEY, SECRET_KEY, region_name=region)
        url = f"http://127.0.0.1:{self._moto_port}"
        return session.client(
            service, endpoint_url=url, config=Config(proxies={}, retries={"max_attempts": 1})
        )

    # -- one request --

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        match = _SCOPE.search(request.headers.get("Authorization", ""))
        region = (match["region"] or "") if match else ""
        service = match["service"] if match else ""
        if region and self._network.is_dark(region):
            while self._network.is_dark(region):  # hangs until the client gives up
                time.sleep(0.2)
            request.close_connection = True
            return
        target = request.headers.get("X-Amz-Target", "")
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            if service == "cloudfront-keyvaluestore":
                headers = dict(request.headers.items())
                answer = kvs.handle(
                    self._state, self._propagation_s(), request.command, request.path, headers, body
                )
                self._send(request, *answer)
            elif target == "AmazonSSM.SendCommand":
                self._send(request, *self._send_command(json.loads(body)))
            elif target == "AmazonSSM.GetCommandInvocation":
                self._send(request, *self._get_invocation(json.loads(body)))
            elif target == "AmazonSSM.ListCommandInvocations":
                self._send(request, *self._list_invocations(json.loads(body)))
            elif target == "AmazonSSM.DescribeInstanceInformation":
                self._send(request, *self._instances(json.loads(body)))
            elif listed := versions.answer(service, request.path, body, self._state):
                self._send(request, *listed)
            elif service == "route53" and (
                said := healthstatus.answer(self._state, self._network, request.path)
            ):
                self._send(request, *said)
            elif service == "elasticloadbalancing" and (seen := targets.answer(body, self.targets)):
                self._send(request, *seen)
            elif service == "autoscaling":
                self._send(request, *self._group(body))
            else:
                self._forward(request, self._by_name(body) if service == "secretsmanager" else body)

    def _by_name(self, body: bytes) -> bytes:
        """A secret's ARN as its name: moto invents new ARNs when it is filled again after a restart."""
        wanted = json.loads(body or b"{}")
        for name, record in self._state.kv_items(SECRETS).items():
            if wanted.get("SecretId") == record.get("arn"):
                return json.dumps({**wanted, "SecretId": name}).encode()
        return body

    def _forward(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._moto_port, timeout=60)
        try:
            headers = {
                n: v for n, v in request.headers.items() if n.lower() != "content-length"
            }  # of this body
            connection.request(request.command, request.path, body, headers)
            answer = connection.getresponse()
            headers = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP_BY_HOP}
            self._send(request, answer.status, headers, answer.read())
        finally:
            connection.close()

    def _send(
        self, request: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes
    ) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body)

    # -- SSM Run Command (https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_SendCommand.html) --

    def _send_command(self, wanted: dict[str, Any]) -> kvs.Answer:
        if wanted.get("DocumentName") != "AWS-RunShellScript":
            return _json(
                400, {"__type": "InvalidDocument", "message": f"Document {wanted.get('DocumentName')}"}
            )
        targets = wanted.get("Targets") or []
        if not targets or not str(targets[0].get("Key", "")).startswith("tag:"):
            return _json(
                400, {"__type": "InvalidInstanceId", "message": "Instances not in a valid state for account"}
            )
        tag = (targets[0]["Key"].removeprefix("tag:"), targets[0]["Values"][0])
        script = "\n".join(wanted.get("Parameters", {}).get("commands", []))
        timeout = float((wanted.get("Parameters", {}).get("executionTimeout") or ["3600"])[0])
        identity = str(uuid.uuid4())
        command: dict[str, Any] = {
            "CommandId": identity,
            "Status": "InProgress",
            "RequestedDateTime": time.time(),
        }
        self._commands[identity] = {**command, "StatusDetails": "InProgress"}
        threading.Thread(target=self._execute, args=(identity, tag, script, timeout), daemon=True).start()
        return _json(
            200, {"Command": {**command, "DocumentName": wanted["DocumentName"], "Targets": targets}}
        )

    def _execute(self, identity: str, tag: tuple[str, str], script: str, timeout: float) -> None:
        record = self._commands[identity]
        result = self.run_command(tag, script, timeout) if self.run_command else None
        if result is None:
            record |= {
                "Status": "Success",
                "StatusDetails": "NoInstancesInTag",
            }  # as SSM: nothing to do, no failure
            return
        code, stdout, stderr = result
        record |= {
            "InstanceId": _instance_id(tag[1]),
            "ResponseCode": code,
            "StandardOutputContent": stdout[:STDOUT_LIMIT],
            "StandardErrorContent": stderr[:STDOUT_LIMIT],
            "StatusDetails": "Success" if code == 0 else "Failed",
            "Status": "Success" if code == 0 else "Failed",
        }

    def _instances(self, wanted: dict[str, Any]) -> kvs.Answer:
        found: list[str] = []
        for one in wanted.get("Filters") or []:
            tag = str(one["Key"]).removeprefix("tag:")
            found += [name for value in one["Values"] for name in self.online((tag, value))]
        listed = [{"InstanceId": _instance_id(name), "PingStatus": "Online"} for name in found]
        return _json(200, {"InstanceInformationList": listed})

    # -- Auto Scaling: what a runbook asks of a group that the program has made --

    def _group(self, body: bytes) -> kvs.Answer:
        """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_SetDesiredCapacity.html"""
        form = {key: values[0] for key, values in parse_qs(body.decode()).items()}
        action = form.get("Action", "")
        name = form.get("AutoScalingGroupName") or form.get("AutoScalingGroupNames.member.1", "")
        try:
            if self.scale is None or action not in ("SetDesiredCapacity", "DescribeAutoScalingGroups"):
                raise CloudError("InvalidAction", f"simcloud does not model {action}")
            wanted = int(form["DesiredCapacity"]) if action == "SetDesiredCapacity" else None
            now = self.scale(name, wanted)
        except CloudError as error:
            text = f"<ErrorResponse><Error><Code>{error.code}</Code><Message>{escape(error.message)}</Message></Error>"
            return 400, _XML, f"{text}</ErrorResponse>".encode()
        member = f"<member><AutoScalingGroupName>{escape(name)}</AutoScalingGroupName>"
        member += f"<DesiredCapacity>{now}</DesiredCapacity></member>" if now >= 0 else ""
        listed = f"<AutoScalingGroups>{member if now >= 0 else ''}</AutoScalingGroups>"
        return (
            200,
            _XML,
            f"<{action}Response><{action}Result>{listed}</{action}Result></{action}Response>".encode(),
        )

    def _get_invocation(self, wanted: dict[str, Any]) -> kvs.Answer:
        record = self._commands.get(wanted.get("CommandId", ""))
        if record is None or "InstanceId" not in record or record["InstanceId"] != wanted.get("InstanceId"):
            return _json(400, {"__type": "InvocationDoesNotExist", "message": "InvocationDoesNotExist"})
        return _json(200, record)

    def _list_invocations(self, wanted: dict[str, Any]) -> kvs.Answer:
        record = self._commands.get(wanted.get("CommandId", ""))
        if record is None or "InstanceId" not in record:
            return _json(200, {"CommandInvocations": []})
        plugin = {
            "Name": "aws:runShellScript",
            "Status": record["Status"],
            "ResponseCode": record["ResponseCode"],
            "Output": record["StandardOutputContent"][:2500] + record["StandardErrorContent"][:2500],
        }
        shown = {key: record[key] for key in ("CommandId", "InstanceId", "Status", "StatusDetails")}
        return _json(200, {"CommandInvocations": [{**shown, "CommandPlugins": [plugin]}]})


def _instance_id(name: str) -> str:
    return "i-0" + uuid.uuid5(uuid.NAMESPACE_DNS, name).hex[:16]


def _json(status: int, body: dict[str, Any]) -> kvs.Answer:
    return status, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(body).encode()
