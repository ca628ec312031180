package io.alchemist.spark;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Which package of the Spark side may use which. Whoever wants a new arrow draws it here, on purpose. */
class ArchitectureTest {
  private static final String ROOT = "io.alchemist.spark";
  private static final JavaClasses CLASSES = new ClassFileImporter()
      .withImportOption(new ImportOption.DoNotIncludeTests())
      .importPackages("io.alchemist");

  /**
   * What of Spark anybody may use: what its documentation describes, and a few classes that are said to be for developers
   * and have not changed for years. All else may change with any version, and is kept to two packages.
   */
  private static final DescribedPredicate<JavaClass> PUBLIC_SPARK = resideInAnyPackage(
          "org.apache.spark",
          "org.apache.spark.api..",
          "org.apache.spark.broadcast",
          "org.apache.spark.sql",
          "org.apache.spark.sql.connector..",
          "org.apache.spark.sql.expressions",
          "org.apache.spark.sql.streaming",
          "org.apache.spark.sql.types",
          "org.apache.spark.sql.util",
          "org.apache.spark.util.sketch")
      .or(DescribedPredicate.describe("named for developers", type -> Set.of(
              "org.apache.spark.network.util.JavaUtils",
              "org.apache.spark.scheduler.SparkListener",
              "org.apache.spark.scheduler.SparkListenerEvent",
              "org.apache.spark.scheduler.SparkListenerExecutorRemoved",
              "org.apache.spark.sql.catalyst.InternalRow")
          .contains(type.getName())));

  /** Programs: they may use everything, and nobody uses them but each other. */
  private static final Set<String> PROGRAMS = Set.of("demo", "cli");

  /** What each package may use of the others. */
  private static final Map<String, Set<String>> MAY_USE = Map.of(
      "conf", Set.of(),
      "ui", Set.of(),
      "router", Set.of(),
      "fleet", Set.of(),
      "internal", Set.of("fleet"),
      "executor", Set.of("conf", "fleet", "internal"),
      "rounds", Set.of("conf", "fleet", "internal", "executor"));

  static Stream<String> packages() {
    return MAY_USE.keySet().stream().sorted();
  }

  @ParameterizedTest
  @MethodSource("packages")
  void aPackageUsesOnlyWhatLiesBelowIt(String name) {
    String[] allowed = Stream.concat(Stream.of(name), MAY_USE.getOrDefault(name, Set.of()).stream())
        .map(other -> ROOT + "." + other + "..")
        .toArray(String[]::new);
    noClasses()
        .that()
        .resideInAPackage(ROOT + "." + name + "..")
        .should()
        .dependOnClassesThat(resideInAPackage(ROOT + "..").and(not(resideInAnyPackage(allowed))))
        .check(CLASSES);
  }

  @Test
  void everyPackageHasItsPlace() {
    Set<String> names = CLASSES.stream()
        .map(JavaClass::getPackageName)
        .filter(name -> name.startsWith(ROOT + "."))
        .map(name -> name.substring(ROOT.length() + 1).replaceFirst("\\..*", ""))
        .collect(Collectors.toCollection(TreeSet::new));
    names.removeAll(PROGRAMS);
    assertThat(names).isEqualTo(new TreeSet<>(MAY_USE.keySet()));
  }

  @Test
  void packagesHaveNoCycles() {
    slices().matching(ROOT + ".(*)..").should().beFreeOfCycles().check(CLASSES);
  }

  @Test
  void onlyTwoPackagesUseWhatIsSparksOwn() {
    noClasses()
        .that()
        .resideInAnyPackage(ROOT + "..", "io.alchemist.feedback..")
        .and()
        .resideOutsideOfPackages(ROOT + ".internal..", ROOT + ".ui..")
        .should()
        .dependOnClassesThat(resideInAPackage("org.apache.spark..").and(not(PUBLIC_SPARK)))
        .check(CLASSES);
  }

  @Test
  void feedbackKnowsNeitherTensorsNorExecutors() {
    noClasses()
        .that()
        .resideInAPackage("io.alchemist.feedback..")
        .should()
        .dependOnClassesThat(resideInAPackage("io.alchemist..")
            .and(not(resideInAPackage("io.alchemist.feedback.."))))
        .check(CLASSES);
  }

  @Test
  void theEngineKnowsNothingOfSpark() {
    noClasses()
        .that(resideInAPackage("io.alchemist..")
            .and(not(resideInAnyPackage(ROOT + "..", "io.alchemist.feedback.."))))
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            ROOT + "..", "io.alchemist.feedback..", "org.apache.spark..", "io.delta..")
        .check(CLASSES);
  }

  @Test
  void settingsKnowOfTheEngineOnlyItsShapes() {
    noClasses()
        .that()
        .resideInAPackage(ROOT + ".conf..")
        .should()
        .dependOnClassesThat(resideInAPackage("io.alchemist..")
            .and(not(resideInAnyPackage(ROOT + ".conf..", "io.alchemist.weights.."))))
        .check(CLASSES);
  }

  @Test
  void onlyTheExecutorChoosesABackEnd() {
    noClasses()
        .that()
        .resideInAPackage(ROOT + "..")
        .and()
        .resideOutsideOfPackages(ROOT + ".executor..", ROOT + ".demo..")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("io.alchemist.tensor.cpu..")
        .check(CLASSES);
  }
}
