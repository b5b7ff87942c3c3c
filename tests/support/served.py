"""Questions to a llama-server in its own words, which no client of ours has."""

import http.client
import json
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
