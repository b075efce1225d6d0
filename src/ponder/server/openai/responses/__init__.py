"""OpenAI's Responses API: a request becomes a chat, and the chat's answer is written as a response."""
