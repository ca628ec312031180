package io.alchemist.text;

/**
 * One message of a conversation.
 *
 * @param role system, user, assistant or tool
 * @param content its text
 */
public record ChatMessage(String role, String content) {}
