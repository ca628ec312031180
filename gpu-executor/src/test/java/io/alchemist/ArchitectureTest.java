package io.alchemist;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.library.GeneralCodingRules;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Which package may use which. Whoever wants a new arrow draws it here, on purpose. */
class ArchitectureTest {
  private static final String ROOT = "io.alchemist";
  private static final JavaClasses CLASSES = new ClassFileImporter()
      .withImportOption(new ImportOption.DoNotIncludeTests())
      .importPackages(ROOT);

  /** What each package may use, besides itself and what lies inside it. */
  private static final Map<String, Set<String>> MAY_USE = Map.ofEntries(
      Map.entry("tensor", Set.of()),
      Map.entry("weights", Set.of("tensor")),
      Map.entry("cache", Set.of("tensor")),
      Map.entry("model", Set.of("weights", "tensor")),
      Map.entry("activation", Set.of("model", "cache", "weights", "tensor")),
      Map.entry("train", Set.of("activation", "model", "cache", "weights", "tensor")),
      Map.entry("serve", Set.of("activation", "model", "cache", "weights", "tensor", "text")),
      Map.entry("http", Set.of("serve", "text", "metrics")),
      Map.entry("files", Set.of("weights")),
      Map.entry("text", Set.of()),
      Map.entry("metrics", Set.of()),
      Map.entry(
          "engine",
          Set.of(
              "http",
              "serve",
              "train",
              "activation",
              "model",
              "cache",
              "weights",
              "tensor",
              "files",
              "text",
              "metrics")));

  /** Programs: they may use everything, and nobody uses them but each other. */
  private static final Set<String> PROGRAMS = Set.of("helpdesk", "cli", "bench");

  static Stream<String> layers() {
    return MAY_USE.keySet().stream().sorted();
  }

  @ParameterizedTest
  @MethodSource("layers")
  void aPackageUsesOnlyWhatLiesBelowIt(String layer) {
    String[] allowed = Stream.concat(
            Stream.of(layer), MAY_USE.getOrDefault(layer, Set.of()).stream())
        .map(name -> ROOT + "." + name + "..")
        .toArray(String[]::new);
    noClasses()
        .that()
        .resideInAPackage(ROOT + "." + layer + "..")
        .should()
        .dependOnClassesThat(resideInAPackage(ROOT + "..").and(not(resideInAnyPackage(allowed))))
        .check(CLASSES);
  }

  @Test
  void everyPackageHasItsPlace() {
    Set<String> layers = CLASSES.stream()
        .map(JavaClass::getPackageName)
        .map(name -> name.replaceFirst("io\\.alchemist\\.?", "").replaceFirst("\\..*", ""))
        .collect(Collectors.toSet());
    layers.removeAll(PROGRAMS);
    assertThat(layers).isEqualTo(MAY_USE.keySet());
  }

  @Test
  void packagesHaveNoCycles() {
    slices().matching(ROOT + ".(*)..").should().beFreeOfCycles().check(CLASSES);
  }

  @Test
  void onlyTheVectorKernelsNeedTheIncubator() {
    noClasses()
        .that()
        .haveNameNotMatching("io\\.alchemist\\.tensor\\.cpu\\.Vector.*")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("jdk.incubator.vector..")
        .check(CLASSES);
  }

  @Test
  void onlyTheCpuBackEndTouchesMemoryByItself() {
    noClasses()
        .that()
        .resideOutsideOfPackage("io.alchemist.tensor.cpu..")
        .should()
        .dependOnClassesThat()
        .haveFullyQualifiedName("sun.misc.Unsafe")
        .check(CLASSES);
  }

  @Test
  void onlyTheEngineAndProgramsChooseABackEnd() {
    noClasses()
        .that()
        .resideOutsideOfPackages(
            "io.alchemist.tensor.cpu..",
            "io.alchemist.engine..",
            "io.alchemist.helpdesk..",
            "io.alchemist.cli..",
            "io.alchemist.bench..")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("io.alchemist.tensor.cpu..")
        .check(CLASSES);
  }

  @Test
  void onlyProgramsPrint() {
    noClasses()
        .that()
        .resideOutsideOfPackages(
            "io.alchemist.helpdesk..", "io.alchemist.cli..", "io.alchemist.bench..")
        .should(GeneralCodingRules.ACCESS_STANDARD_STREAMS)
        .check(CLASSES);
    GeneralCodingRules.NO_CLASSES_SHOULD_USE_JAVA_UTIL_LOGGING.check(CLASSES);
  }

  @Test
  void sparkAndTheCudaBindingsAreElsewhere() {
    noClasses()
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("org.apache.spark..", "org.apache.hadoop..", "scala..")
        .check(CLASSES);
    noClasses()
        .that()
        .resideOutsideOfPackage("io.alchemist.tensor.cuda..")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("org.bytedeco..")
        .check(CLASSES);
  }
}
