"""The service as clients of OpenAI's API know it: a model is an agent or a workflow.

It is another way to say the same: who asks, how often, for how much and for whom is
decided where it is for everybody, and each completion is a job.
"""
