"""Keep files in a bucket of an S3-compatible service. boto3 is imported with the first file."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, BinaryIO

from app.kit.storage.errors import Away, Missing

# A page waits for the bucket, so a silent one may not hold it up for long. In seconds.
CONNECT, READ = 3, 10
NOT_FOUND = {"404", "NoSuchKey", "NotFound"}

_lock = threading.Lock()


@dataclass
class Bucket:
    """A bucket as the place for files. Without a key, boto3 finds that of the machine's role."""

    name: str
    endpoint: str
    region: str
    key: str
    secret: str = field(repr=False)
    _client: Any = field(default=None, repr=False)

    @property
    def origins(self) -> str:
        """The origins of presigned URLs, for a content security policy."""
        if self.endpoint:
            return self.endpoint
        hosts = f"s3.{self.region}.amazonaws.com", "s3.amazonaws.com"
        return " ".join(f"https://{self.name}.{host}" for host in hosts)

    def put(self, key: str, stream: BinaryIO, size: int, content_type: str) -> None:
        with _problems(key):
            self.client.put_object(
                Bucket=self.name,
                Key=key,
                Body=stream,
                ContentLength=size,
                ContentType=content_type,
            )

    def get(self, key: str) -> BinaryIO:
        with _problems(key):
            body: BinaryIO = self.client.get_object(Bucket=self.name, Key=key)["Body"]
            return body

    def size(self, key: str) -> int:
        with _problems(key):
            return int(self.client.head_object(Bucket=self.name, Key=key)["ContentLength"])

    def delete(self, key: str) -> None:
        with _problems(key):
            self.client.delete_object(Bucket=self.name, Key=key)

    def upload_url(self, key: str, size: int, content_type: str, seconds: int) -> str:
        """Return a URL that takes one PUT of exactly `size` bytes and this content type.

        Both are signed. A POST policy would do as well, but not every service knows it.
        """
        given = {"ContentLength": size, "ContentType": content_type}
        return self._presigned("put_object", key, given, seconds)

    def download_url(self, key: str, disposition: str, content_type: str, seconds: int) -> str:
        given = {"ResponseContentDisposition": disposition, "ResponseContentType": content_type}
        return self._presigned("get_object", key, given, seconds)

    def _presigned(self, method: str, key: str, given: dict[str, Any], seconds: int) -> str:
        with _problems(key):
            parameters = {"Bucket": self.name, "Key": key} | given
            url: str = self.client.generate_presigned_url(method, parameters, seconds)
            return url

    @property
    def client(self) -> Any:
        with _lock:
            if self._client is None:
                self._client = self._connected()
            return self._client

    def _connected(self) -> Any:
        # It takes a quarter of a second and 20 MB to import, which apps without a bucket save.
        boto3, config = import_module("boto3"), import_module("botocore.config")
        return boto3.session.Session().client(
            "s3",
            endpoint_url=self.endpoint or None,
            region_name=self.region,
            aws_access_key_id=self.key or None,
            aws_secret_access_key=self.secret or None,
            config=config.Config(
                signature_version="s3v4",
                connect_timeout=CONNECT,
                read_timeout=READ,
                retries={"total_max_attempts": 2, "mode": "standard"},
                s3={"addressing_style": "path" if self.endpoint else "virtual"},
                # Services other than Amazon's know no checksums in trailers.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )


@contextmanager
def _problems(key: str) -> Iterator[None]:
    errors = import_module("botocore.exceptions")
    try:
        yield
    except errors.ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in NOT_FOUND:
            raise Missing(key) from None
        raise Away(f"the bucket answers {code}") from error
    except errors.BotoCoreError as error:
        raise Away(f"the bucket does not answer ({type(error).__name__})") from error
