package io.alchemist.spark.rounds;

import java.io.IOException;
import java.net.URI;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;

/** A file system that is not local by its name: {@code fake:/path} is the local directory {@code /path}. */
public final class FakeStoreFileSystem extends RawLocalFileSystem {
  private static final URI NAME = URI.create("fake:///");

  static Configuration configuration() {
    Configuration hadoop = new Configuration(false);
    hadoop.set("fs.fake.impl", FakeStoreFileSystem.class.getName());
    return hadoop;
  }

  @Override
  public URI getUri() {
    return NAME;
  }

  @Override
  public String getScheme() {
    return "fake";
  }

  @Override
  public FileStatus getFileStatus(Path path) throws IOException {
    FileStatus status = super.getFileStatus(path);
    status.setPath(makeQualified(new Path(status.getPath().toUri().getPath())));
    return status;
  }
}
