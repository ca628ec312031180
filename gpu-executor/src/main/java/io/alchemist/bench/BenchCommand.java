package io.alchemist.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import io.alchemist.engine.LatencyTargets;
import io.alchemist.weights.LinearLayer;
import io.alchemist.weights.LoraSpec;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
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
          int threads) {
    PrintWriter err = spec.commandLine().getErr();
    Map<String, Object> figures = new EngineBench(
            Shapes.D512.config(), lora(rank, targets), cores(threads), quick, err::println)
        .run();
    report(figures, json);
    return 0;
  }

  /** Training beside serving. */
  @Command(
      name = "colocate",
      description =
          "Replays a trace of requests at 70 %% of the serving capacity, with and without a training backlog, and compares latency; measures what training gets.",
      mixinStandardHelpOptions = true)
  int colocate(
      @Option(names = "--json", paramLabel = "FILE", description = "Also writes the figures here.")
          @Nullable
          Path json,
      @Option(
              names = "--trace",
              paramLabel = "CSV",
              description = "Columns " + Trace.HEADER + "; by default one is made up.")
          @Nullable
          Path csv,
      @Option(names = "--quick", description = "Fewer and shorter windows: about a minute.")
          boolean quick,
      @Option(
              names = "--first-token-target",
              paramLabel = "MS",
              description = "What serving promises for the first token.",
              defaultValue = "500")
          double firstTokenMillis,
      @Option(
              names = "--per-token-target",
              paramLabel = "MS",
              description = "What serving promises for each further token.",
              defaultValue = "50")
          double perTokenMillis,
      @Option(
              names = "--patience",
              paramLabel = "MS",
              description = "How long training waits for time that serving leaves.",
              defaultValue = "2000")
          double patienceMillis,
      @Option(
              names = "--training-share",
              description = "The most of the time that training takes while answers are computed.",
              defaultValue = "0.1")
          double trainingShare,
      @Option(
              names = "--length-scale",
              description = "Prompts and answers are so many times as long as in the trace.",
              defaultValue = "0.25")
          double lengthScale,
      @Option(
              names = "--micro-batch",
              paramLabel = "TOKENS",
              description = "Rows of a training pass at most: fewer make shorter slices.",
              defaultValue = "512")
          int microBatchTokens,
      @Option(names = "--threads", description = "CPU threads; 0 takes all.", defaultValue = "0")
          int threads)
      throws IOException {
    PrintWriter err = spec.commandLine().getErr();
    ColocateBench.Options options = new ColocateBench.Options(
        Shapes.D512.config(),
        new LatencyTargets(firstTokenMillis, perTokenMillis, patienceMillis, trainingShare),
        lengthScale,
        microBatchTokens,
        cores(threads),
        quick);
    Trace trace = csv == null ? Trace.synthetic(1, options.requests()) : Trace.read(csv);
    Map<String, Object> figures = new LinkedHashMap<>();
    figures.put("trace", csv == null ? "synthetic, seed 1" : csv.getFileName().toString());
    figures.putAll(new ColocateBench(options, trace, err::println).run());
    report(figures, json);
    return 0;
  }

  private void report(Map<String, Object> figures, @Nullable Path json) {
    PrintWriter out = spec.commandLine().getOut();
    figures.forEach((name, value) -> out.printf(
        Locale.ROOT,
        "%-36s %s%n",
        name,
        value instanceof Double d ? String.format(Locale.ROOT, "%.6g", d) : value));
    out.flush();
    write(json, figures);
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
          int threads) {
    PrintWriter err = spec.commandLine().getErr();
    report(
        new HedgeBench(
                Shapes.D512.config(),
                lora(8, new String[] {"q_proj", "v_proj"}),
                cores(threads),
                quick,
                err::println)
            .run(),
        json);
    return 0;
  }

  /** Training from what serving logged against recomputing. */
  @Command(
      name = "reuse",
      description = {
        "Measures training from what serving logged against a trainer that recomputes, without and with layer checkpointing.",
        "A line for each point: tokens/s of the three, the speed-up over recomputing, what the measured forward and backward"
            + " allow, and its share; the same against checkpointing; the trainer's peak memory and how much less that is;"
            + " how far the planner's prediction was off; the relative error of the gradient."
      },
      mixinStandardHelpOptions = true)
  int reuse(
      @Option(names = "--json", paramLabel = "FILE", description = "Also writes the figures here.")
          @Nullable
          Path json,
      @Option(
              names = "--svg",
              paramLabel = "DIR",
              description = "Writes pictures of the main results here.")
          @Nullable
          Path pictures,
      @Option(names = "--quick", description = "A few points: ends within three minutes.")
          boolean quick,
      @Option(
              names = "--shape",
              description = "Of the model: ${COMPLETION-CANDIDATES}. Default: ${DEFAULT-VALUE}.",
              defaultValue = "D512")
          Shapes shape,
      @Option(
              names = "--mode",
              split = ",",
              description = "Only these: ${COMPLETION-CANDIDATES}.",
              defaultValue = "LORA,FULL")
          Set<ReuseGrid.Mode> modes,
      @Option(
              names = "--lengths",
              split = ",",
              description = "Only these: ${COMPLETION-CANDIDATES}.",
              defaultValue = "CHAT,AZURE,LONG")
          Set<ReuseGrid.Lengths> lengths,
      @Option(
              names = "--memory",
              split = ",",
              description =
                  "Where the activations are: ${COMPLETION-CANDIDATES}. Default: ${DEFAULT-VALUE}.",
              defaultValue = "DEVICE,HALF,HOST")
          Set<ReuseGrid.Memory> memory,
      @Option(
              names = "--disk",
              paramLabel = "DIR",
              description =
                  "For --memory DISK: where host memory spills to. Default: ${DEFAULT-VALUE}.",
              defaultValue = "target/bench-blocks")
          Path disk,
      @Option(
              names = "--p",
              split = ",",
              description = "Only these shares of logged tokens.",
              defaultValue = "0.32,0.5,0.94,1")
          Set<Double> shares,
      @Option(
              names = "--separate-only",
              description = "Leaves out the requests that share a prompt.")
          boolean separateOnly,
      @Option(
              names = "--points-only",
              description =
                  "Leaves out what belongs to no point: the longest example, and what recording costs.")
          boolean pointsOnly,
      @Option(
              names = "--rounds",
              description =
                  "How often each way is measured; its median counts. By default 3, and 2 with --quick.")
          @Nullable
          Integer rounds,
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
    List<ReuseGrid.Point> grid = ReuseGrid.points(quick);
    List<ReuseGrid.Point> points = grid.stream()
        .filter(point -> point.isAmong(modes, lengths, memory, shares))
        .filter(point -> !(separateOnly && point.shared()))
        .toList();
    if (points.isEmpty()) {
      throw new ParameterException(
          spec.commandLine(),
          "The grid has no such point; its shares are "
              + grid.stream().map(ReuseGrid.Point::p).distinct().sorted().toList()
              + ". --quick has fewer points than there are without.");
    }
    int times = rounds != null ? rounds : quick ? 2 : 3;
    if (times < 1) {
      throw new ParameterException(
          spec.commandLine(), "--rounds is " + times + "; each way is measured once at least.");
    }
    ReuseBench bench = new ReuseBench(
        shape,
        lora(rank, targets),
        cores(threads),
        times,
        quick,
        disk,
        this::print,
        figures -> write(json, figures));
    bench.run(points, pointsOnly);
    if (pictures != null) {
      ReusePictures.write(bench.results(), pictures);
    }
    return 0;
  }

  /** Whose activations are kept when memory is short. */
  @Command(
      name = "retention",
      description = {
        "Replays requests and feedback in simulated time, without a model, and tells how much of the feedback still finds its"
            + " activations: least recently used, at random, by what retention has learnt, and by one who knows the future.",
        "Arrivals and lengths are a trace's; users and their feedback are made up, as the figures named assumed_ say."
      },
      mixinStandardHelpOptions = true)
  int retention(
      @Option(names = "--json", paramLabel = "FILE", description = "Also writes the figures here.")
          @Nullable
          Path json,
      @Option(names = "--quick", description = "Fewer hours: ends within a minute or two.")
          boolean quick,
      @Option(
              names = "--trace",
              paramLabel = "CSV",
              description =
                  "Arrivals and lengths, with the columns TIMESTAMP,ContextTokens,GeneratedTokens; replayed three times over."
                      + " By default made up with the lengths of Azure's 2023 conversation trace.")
          @Nullable
          Path trace,
      @Option(
              names = "--users",
              description =
                  "Whether requests say who asks: ${COMPLETION-CANDIDATES}. Default: ${DEFAULT-VALUE}.",
              defaultValue = "NAMED")
          FeedbackReplay.Users users)
      throws IOException {
    Trace requests = trace == null
        ? Trace.synthetic(5, quick ? 12_000 : 60_000).atRate(5.4)
        : FeedbackReplay.again(Trace.read(trace), quick ? 1 : 3);
    write(json, new RetentionBench(new FeedbackReplay(requests, users, 17), this::print).run());
    return 0;
  }

  private void print(String line) {
    PrintWriter out = spec.commandLine().getOut();
    out.println(line);
    out.flush();
  }

  private static LoraSpec lora(int rank, String[] targets) {
    Set<LinearLayer> layers =
        Arrays.stream(targets).map(LinearLayer::named).collect(Collectors.toSet());
    return new LoraSpec(rank, 2f * rank, layers);
  }

  private static int cores(int threads) {
    return threads == 0 ? Runtime.getRuntime().availableProcessors() : threads;
  }

  private static void write(@Nullable Path json, Map<String, Object> figures) {
    if (json == null) {
      return;
    }
    try {
      Files.writeString(
          json,
          new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT).writeValueAsString(figures)
              + "\n");
    } catch (IOException e) {
      throw new IllegalArgumentException(
          "The figures can't be written to " + json + " (" + e
              + "). Name a file that may be written, in a directory that exists.",
          e);
    }
  }
}
