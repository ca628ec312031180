package io.alchemist.spark.router;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBufAllocator;
import io.netty.util.ResourceLeakDetector;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.core.LogEvent;
import org.apache.logging.log4j.core.Logger;
import org.apache.logging.log4j.core.appender.AbstractAppender;
import org.apache.logging.log4j.core.config.Property;

/** Watches, while it is open, whether Netty reports buffers that nobody released. */
final class Leaks implements AutoCloseable {
  private final ResourceLeakDetector.Level before = ResourceLeakDetector.getLevel();
  private final Logger logger = (Logger) LogManager.getLogger(ResourceLeakDetector.class);
  private final Reports reports = new Reports();

  private static final class Reports extends AbstractAppender {
    final List<String> texts = new CopyOnWriteArrayList<>();

    Reports() {
      super("leaks", null, null, true, Property.EMPTY_ARRAY);
    }

    @Override
    public void append(LogEvent event) {
      texts.add(event.getMessage().getFormattedMessage());
    }
  }

  Leaks() {
    ResourceLeakDetector.setLevel(ResourceLeakDetector.Level.PARANOID);
    reports.start();
    logger.addAppender(reports);
  }

  /** Makes Netty report what has become unreachable, and fails if there is any. */
  @Override
  public void close() {
    for (int i = 0; i < 3; i++) {
      System.gc();
      // Netty looks for leaks when it makes buffers.
      ByteBufAllocator.DEFAULT.directBuffer(16).release();
    }
    logger.removeAppender(reports);
    reports.stop();
    ResourceLeakDetector.setLevel(before);
    assertThat(reports.texts).isEmpty();
  }
}
