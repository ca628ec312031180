package io.alchemist.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.alchemist.weights.AdapterData;
import io.alchemist.weights.AdapterData.Factors;
import io.alchemist.weights.AdapterData.Site;
import io.alchemist.weights.LinearLayer;
import io.alchemist.weights.ModelConfig;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PeftDirectoryTest {
  private static final String PREFIX = "base_model.model.model.layers.";

  private final Path parent;
  private final Path directory;

  PeftDirectoryTest(@TempDir Path parent) {
    this.parent = parent;
    this.directory = parent.resolve("adapters").resolve("v7");
  }

  private final ModelConfig config = Fixtures.config(true);
  private final AdapterData adapter = adapter(4, 8, LinearLayer.Q, LinearLayer.DOWN);

  private AdapterData adapter(int rank, float alpha, LinearLayer... targets) {
    Random random = new Random(9);
    TreeMap<Site, Factors> factors = new TreeMap<>();
    for (int layer = 0; layer < config.layers(); layer++) {
      for (LinearLayer linear : targets) {
        float[] a = new float[rank * linear.inputs(config)];
        float[] b = new float[linear.outputs(config) * rank];
        for (int i = 0; i < a.length; i++) {
          a[i] = (float) random.nextGaussian();
        }
        for (int i = 0; i < b.length; i++) {
          b[i] = (float) random.nextGaussian();
        }
        factors.put(new Site(layer, linear), new Factors(a, b));
      }
    }
    return new AdapterData(rank, alpha, factors);
  }

  private void write() {
    PeftDirectory.write(directory, adapter, config, "a/model");
  }

  private void refuses(String message) {
    assertThatThrownBy(() -> PeftDirectory.read(directory, config))
        .isInstanceOf(ModelFileException.class)
        .hasMessageContaining(message);
  }

  /** Writes the matrices again with one more or one instead of another. */
  private void rewrite(String name, List<Long> shape, float value) {
    Map<String, List<Long>> shapes = new LinkedHashMap<>();
    Path file = directory.resolve("adapter_model.safetensors");
    try (Safetensors old = Safetensors.open(file)) {
      old.names().forEach(each -> shapes.put(each, old.shape(each)));
    }
    shapes.put(name, shape);
    float[] values = new float[10_000];
    values[3] = value;
    SafetensorsWriter.write(
        file,
        shapes,
        StorageType.F32,
        (each, offset, into) -> into.put(values, (int) offset, into.remaining()));
  }

  @Test
  void comesBackAsWritten() throws Exception {
    for (AdapterData written :
        List.of(adapter, adapter(3, 0.5f, LinearLayer.values()), adapter(1, 1, LinearLayer.O))) {
      Path target = parent.resolve("rank-" + written.rank());
      PeftDirectory.write(target, written, config, null);
      AdapterData read = PeftDirectory.read(target, config);
      assertThat(read.rank()).isEqualTo(written.rank());
      assertThat(read.alpha()).isEqualTo(written.alpha());
      assertThat(read.targets()).isEqualTo(written.targets());
      assertThat(read.factors().keySet()).isEqualTo(written.factors().keySet());
      written.factors().forEach((site, factors) -> {
        assertThat(Fixtures.get(read.factors(), site).a()).isEqualTo(factors.a());
        assertThat(Fixtures.get(read.factors(), site).b()).isEqualTo(factors.b());
      });
    }
    try (Stream<Path> files = Files.list(parent)) {
      assertThat(files).hasSize(3);
    }
  }

  @Test
  void namesAndShapesAreTheLibrarys() {
    write();
    try (Safetensors file = Safetensors.open(directory.resolve("adapter_model.safetensors"))) {
      assertThat(file.names()).hasSize(8);
      assertThat(file.shape(PREFIX + "1.self_attn.q_proj.lora_A.weight")).containsExactly(4L, 64L);
      assertThat(file.shape(PREFIX + "1.self_attn.q_proj.lora_B.weight")).containsExactly(64L, 4L);
      assertThat(file.shape(PREFIX + "0.mlp.down_proj.lora_A.weight")).containsExactly(4L, 96L);
    }
    assertThat(directory.resolve("adapter_config.json"))
        .content()
        .contains(
            "\"peft_type\" : \"LORA\"",
            "\"task_type\" : \"CAUSAL_LM\"",
            "\"r\" : 4",
            "\"lora_alpha\" : 8,",
            "\"base_model_name_or_path\" : \"a/model\"",
            "\"target_modules\" : [ \"q_proj\", \"down_proj\" ]");
  }

  @Test
  void anExistingDirectoryIsNotTouched() throws Exception {
    write();
    assertThatThrownBy(this::write)
        .isInstanceOf(ModelFileException.class)
        .hasMessageContaining("it exists already: an adapter that was written is never changed");
    assertThat(PeftDirectory.read(directory, config).rank()).isEqualTo(4);
  }

  @Test
  void aFailedWriteLeavesNothing() throws Exception {
    Fixtures.get(adapter.factors(), new Site(1, LinearLayer.Q)).b()[3] = Float.NaN;
    assertThatThrownBy(this::write)
        .isInstanceOf(ModelFileException.class)
        .hasMessageContaining(
            "element 3 of base_model.model.model.layers.1.self_attn.q_proj.lora_B.weight is NaN");
    try (Stream<Path> files = Files.list(parent.resolve("adapters"))) {
      assertThat(files).isEmpty();
    }
  }

  @Test
  void matricesThatDoNotFitAreRefused() {
    write();
    String a = PREFIX + "0.self_attn.q_proj.lora_A.weight";
    rewrite(a, List.of(4L, 63L), 0);
    refuses("the tensor " + a + " has the shape [4, 63]: rank and model ask for [4, 64]");
    rewrite(a, List.of(4L, 64L), 1);
    assertThat(PeftDirectory.read(directory, config).rank()).isEqualTo(4);
    rewrite(PREFIX + "2.self_attn.q_proj.lora_A.weight", List.of(4L, 64L), 0);
    refuses("1 tensors have no place in the model, first " + PREFIX + "2.self_attn.q_proj");
  }

  @Test
  void aNumberThatIsNotFiniteIsNamed() throws Exception {
    write();
    Path file = directory.resolve("adapter_model.safetensors");
    byte[] bytes = Files.readAllBytes(file);
    System.arraycopy(Fixtures.floats(Float.NaN), 0, bytes, bytes.length - 4, 4);
    Files.write(file, bytes);
    refuses("is NaN: one weight that is not finite makes every output NaN");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "\"LORA\"|\"IA3\"|peft_type is \"IA3\": supported is LORA",
        "\"bias\" : \"none\"|\"bias\" : \"all\"|bias is \"all\": supported is none",
        "\"use_dora\" : false|\"use_dora\" : true|use_dora is true: this changes what the matrices mean",
        "\"use_rslora\" : false|\"use_rslora\" : true|use_rslora is true",
        "\"rank_pattern\" : { }|\"rank_pattern\" : {\"q_proj\": 8}|rank_pattern is {\"q_proj\":8}",
        "\"modules_to_save\" : null|\"modules_to_save\" : [\"lm_head\"]|modules_to_save is [\"lm_head\"]",
        "\"layers_to_transform\" : null|\"layers_to_transform\" : [0]|layers_to_transform is [0]",
        "\"init_lora_weights\" : true|\"init_lora_weights\" : \"pissa\"|init_lora_weights is \"pissa\"",
        "\"r\" : 4|\"r\" : 0|'r' is 0: it should be 1 to 65536",
        "\"r\" : 4|\"r\" : 5|has the shape [4, 64]: rank and model ask for [5, 64]",
        "\"lora_alpha\" : 8|\"lora_alpha\" : -1|'lora_alpha' is -1: it should be a positive number",
        "[ \"q_proj\", \"down_proj\" ]|\"all-linear\"|'target_modules' is \"all-linear\": it should be a list",
        "[ \"q_proj\", \"down_proj\" ]|[ ]|'target_modules' is []",
        "[ \"q_proj\", \"down_proj\" ]|[ \"lm_head\" ]|target_modules names 'lm_head'",
        "[ \"q_proj\", \"down_proj\" ]|[ \"q_proj\" ]|4 tensors have no place in the model",
        "[ \"q_proj\", \"down_proj\" ]|[ \"q_proj\", \"up_proj\" ]|the tensor base_model.model.model.layers.0.mlp.up_proj.lora_A.weight is missing",
      })
  void whatIsNotPlainLoraIsRefused(String old, String replacement, String message) {
    write();
    Fixtures.edit(directory.resolve("adapter_config.json"), old, replacement);
    refuses(message);
  }

  @Test
  void aHalfDirectoryIsRefused() throws Exception {
    write();
    Files.delete(directory.resolve("adapter_model.safetensors"));
    refuses("adapter_model.safetensors: there is no such file");
    Files.delete(directory.resolve("adapter_config.json"));
    refuses("adapter_config.json: there is no such file");
  }
}
