# boto3's side of the benchmark: boto3_peer.py calls|parallel|flows|files URL COUNT WIDTH [DIRECTORY]
import json
import resource
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore import UNSIGNED
from botocore.config import Config

mode, url, count, width = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
client = boto3.client(
    "connectparticipant", region_name="us-east-1", endpoint_url=url, aws_access_key_id="x",
    aws_secret_access_key="x",
    config=Config(signature_version=UNSIGNED, max_pool_connections=max(width, 10)))
TOKEN = "benchmark-connection-token"
BODY = b"x" * 65536


def call(_):
    return client.start_attachment_upload(
        ConnectionToken=TOKEN, AttachmentName="invoice.pdf", AttachmentSizeInBytes=65536,
        ContentType="application/pdf")


def flow(_, body=BODY):
    started = call(None)
    metadata = started["UploadMetadata"]
    request = urllib.request.Request(
        metadata["Url"], data=body, method="PUT", headers=metadata["HeadersToInclude"])
    urllib.request.urlopen(request).read()
    client.complete_attachment_upload(
        ConnectionToken=TOKEN, AttachmentIds=[started["AttachmentId"]])


def file(index):
    with open(f"{sys.argv[5]}/{index + 1}.pdf", "rb") as opened:
        flow(index, opened.read())


DO = {"parallel": call, "flows": flow, "files": file}
wall, cpu = time.perf_counter(), time.process_time()
if mode == "calls":
    for index in range(count):
        call(index)
else:
    with ThreadPoolExecutor(width) as pool:
        for _ in pool.map(DO[mode], range(count)):
            pass
print(json.dumps({
    "count": count, "wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu,
    "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))
