package io.alchemist.helpdesk;

/** Which phrasings: those the model is trained on, or those kept back to see whether it generalises. */
public enum Split {
  TRAINING,
  HELD_OUT
}
