"""Questions to a llama-server in its own words, and which programs run."""

import http.client
import json
import os
from pathlib import Path
from urllib.parse import urlsplit


def ask(base_url, path, question):
    connection = http.client.HTTPConnection(urlsplit(base_url).netloc, timeout=120)
    connection.request("POST", path, json.dumps(question))
    response = connection.getresponse()
    answer = json.loads(response.read())
    assert response.status == 200, answer
    return answer


def likeliest(base_url, prompt, count):
    """Return the log-probabilities of the next token by id, likeliest first."""
    question = {"prompt": prompt, "n_predict": 1, "n_probs": count, "temperature": 0}
    answer = ask(base_url, "/completion", question)
    found = answer["completion_probabilities"][0]["top_logprobs"]
    return {each["id"]: each["logprob"] for each in found}


def processes(folder):
    """Return the command lines by pid of what was started with a path of a folder."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().split(b"\0")
        except OSError:
            continue
        if any(os.fsencode(folder) in word for word in words):
            found[int(entry.parent.name)] = [word.decode() for word in words]
    return found
