# Sends the cases it reads from standard input with boto3; prints one result a line.
import json
import sys

import boto3
import botocore.exceptions
from botocore import UNSIGNED
from botocore.config import Config

given = json.load(sys.stdin)
client = boto3.client(
    "connectparticipant", region_name="us-east-1", endpoint_url=given["endpoint"],
    aws_access_key_id="x", aws_secret_access_key="x",
    config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}))
for case in given["cases"]:
    method = getattr(client, case["method"], None)
    if method is None:
        print(json.dumps({"missing": True}))
        continue
    try:
        result = method(**case["params"])
        result.pop("ResponseMetadata", None)
        print(json.dumps({"result": result}))
    except botocore.exceptions.ClientError as error:
        print(json.dumps({"code": error.response["Error"]["Code"],
                          "status": error.response["ResponseMetadata"]["HTTPStatusCode"]}))
    except (botocore.exceptions.ParamValidationError, TypeError) as error:
        print(json.dumps({"invalid": str(error)}))
