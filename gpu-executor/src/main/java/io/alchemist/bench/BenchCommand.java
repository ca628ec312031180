package io.alchemist.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import io.alchemist.weights.LinearLayer;
import io.alchemist.weights.LoraSpec;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The benchmarks of the command line. */
@Command(name = "bench", description = "Measures the engine.", mixinStandardHelpOptions = true)
public final class BenchCommand {
  @Spec
  private CommandSpec spec;

  /** Prefill, decode, the LoRA step, recording, memory. */
  @Command(
      name = "engine",
      description =
          "Measures prefill, decode, the LoRA step recomputed and from handles, what recording costs, and memory.",
      mixinStandardHelpOptions = true)
  int engine(
      @Option(names = "--json", paramLabel = "FILE", description = "Also writes the figures here.")
          @Nullable
          Path json,
      @Option(names = "--quick", description = "Fewer rounds: ends within a minute.") boolean quick,
      @Option(
              names = "--rank",
              description = "Of the adapter; peft's default is 8.",
              defaultValue = "8")
          int rank,
      @Option(
              names = "--targets",
              split = ",",
              defaultValue = "q_proj,v_proj",
              description = "Linear layers that carry an adapter; by default those of peft.")
          String[] targets,
      @Option(names = "--threads", description = "CPU threads; 0 takes all.", defaultValue = "0")
          int threads)
      throws IOException {
    PrintWriter err = spec.commandLine().getErr();
    int used = threads == 0 ? Runtime.getRuntime().availableProcessors() : threads;
    Set<LinearLayer> layers =
        Arrays.stream(targets).map(LinearLayer::named).collect(Collectors.toSet());
    LoraSpec lora = new LoraSpec(rank, 2f * rank, layers);
    Map<String, Object> figures =
        new EngineBench(EngineBench.D512, lora, used, quick, err::println).run();
    report(figures, json);
    return 0;
  }

  /** Whether a full arena costs a burst of prompts anything. */
  @Command(
      name = "hedge",
      description = "Measures the time to the first token of a burst of prompts while the device"
          + " memory is full of activations, and while it is empty.",
      mixinStandardHelpOptions = true)
  int hedge(
      @Option(names = "--json", paramLabel = "FILE", description = "Also writes the figures here.")
          @Nullable
          Path json,
      @Option(names = "--quick", description = "Fewer rounds: ends within a minute.") boolean quick,
      @Option(names = "--threads", description = "CPU threads; 0 takes all.", defaultValue = "0")
          int threads)
      throws IOException {
    PrintWriter err = spec.commandLine().getErr();
    int used = threads == 0 ? Runtime.getRuntime().availableProcessors() : threads;
    LoraSpec lora = new LoraSpec(8, 16, Set.of(LinearLayer.Q, LinearLayer.V));
    report(new HedgeBench(EngineBench.D512, lora, used, quick, err::println).run(), json);
    return 0;
  }

  private void report(Map<String, Object> figures, @Nullable Path json) throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    figures.forEach((name, value) -> out.printf(
        Locale.ROOT,
        "%-36s %s%n",
        name,
        value instanceof Double d ? String.format(Locale.ROOT, "%.6g", d) : value));
    out.flush();
    if (json != null) {
      Files.writeString(
          json,
          new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT).writeValueAsString(figures)
              + "\n");
    }
  }
}
