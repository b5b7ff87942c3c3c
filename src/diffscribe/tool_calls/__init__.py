"""Logs of tool calls as training data: the stages of pipelines/tool_calls."""
